"""The cards of all tricks. `python -m fasttricks.tricks.cards > docs/tricks.md`"""

from __future__ import annotations

from fasttricks.errors import UnknownNameError
from fasttricks.tricks.card import Card

_P1 = '"Bag of Tricks" (arXiv 1812.01187)'
_P2 = '"Assembled CNN" (arXiv 2001.06268)'

_CARDS = (
    # ------------------------------------------------------------------------- efficient training
    Card(
        name="lr-scaling",
        what="The peak learning rate grows with the batch: 0.1 for 256 pictures, 0.4 for 1024.",
        cost="Nothing per step. Without a warm-up, large batches lose accuracy.",
        benefit="Large batches become possible. Alone, ResNet-50, batch 256 -> 1024: "
        "75.87 -> 75.17 (-0.70); warm-up and zero gamma win it back.",
        source=f"{_P1}, section 3.1, table 4; Goyal et al. (arXiv 1706.02677)",
        code="fasttricks/tricks/lr_scaling.py",
    ),
    Card(
        name="warmup",
        what="The learning rate reaches its peak gradually. From zero: batch i of m has i / m of "
        "the peak, over 5 epochs. From base: from the unscaled rate on. Constant: a low rate, then "
        "a jump.",
        cost="Nothing; the epochs are part of the training.",
        benefit="From zero, ResNet-50: 75.87 -> 76.03 (+0.16) at batch 256, 75.17 -> 75.93 (+0.76) "
        "at 1024.",
        source=f"{_P1}, section 3.1, table 4",
        code="fasttricks/tricks/warmup.py",
    ),
    Card(
        name="zero-gamma",
        what="Every residual block starts as the identity: gamma of its last batch norm is 0.",
        cost="Nothing. For fresh residual nets only.",
        benefit="ResNet-50: 76.03 -> 76.19 (+0.16) at batch 256, 75.93 -> 76.37 (+0.44) at 1024.",
        source=f"{_P1}, section 3.1, table 4",
        code="fasttricks/tricks/zero_gamma.py",
    ),
    Card(
        name="no-bias-decay",
        what="Weight decay is for weights of convolutions and linear layers, not for biases, gamma "
        "and beta.",
        cost="Nothing.",
        benefit="None by itself, ResNet-50: 76.19 -> 76.16 (-0.03) at batch 256, "
        "76.37 -> 76.03 (-0.34) at 1024. The paper keeps it for very large batches.",
        source=f"{_P1}, section 3.1, table 4",
        code="fasttricks/tricks/no_bias_decay.py",
    ),
    Card(
        name="mixed-precision",
        what="The net computes in float16 or bfloat16, weights and losses stay float32. float16 "
        "scales its loss so that small gradients do not vanish.",
        cost="Rounding; with float16 a step is skipped now and then while the scale is found.",
        benefit="2 to 3 times as fast on a V100: with batch 1024 an epoch of ResNet-50 takes 4.4 "
        "minutes instead of 13.3 on 8 of them. 76.16 -> 76.15 (-0.01) at batch 256, "
        "76.03 -> 76.21 (+0.18) at 1024.",
        source=f"{_P1}, section 3.2, tables 3 and 4",
        code="fasttricks/tricks/mixed_precision.py",
    ),
    Card(
        name="nesterov",
        what="Momentum that looks ahead: the gradient is added once more after the momentum. "
        "Optionally with the learning rate inside the momentum, as MXNet has it.",
        cost="None over plain momentum; one fused kernel.",
        benefit=f"Not measured alone; all of {_P1} is trained with it, {_P2} with plain momentum.",
        source="apache/mxnet python/mxnet/optimizer/nag.py; torch.optim.SGD",
        code="fasttricks/tricks/nesterov.py",
    ),
    # ------------------------------------------------------------------------------------ schedules
    Card(
        name="step-decay",
        what="The learning rate falls to a tenth at epochs 30, 60 and 90 of 120.",
        cost="Nothing.",
        benefit="The baseline of ResNet-50: 75.87. Ahead of cosine until about epoch 110, behind "
        "it at the end.",
        source=f"{_P1}, section 2.1, table 2, figure 3",
        code="fasttricks/tricks/step_decay.py",
    ),
    Card(
        name="cosine",
        what="The learning rate falls along half a cosine, at every step, to 0 at the end.",
        cost="Nothing. The number of epochs has to be known at the start.",
        benefit="77.16 -> 77.91 (+0.75); Inception-V3 77.50 -> 78.19 (+0.69), "
        "MobileNet 71.90 -> 72.83 (+0.93). Second paper, ResNet-50: 76.30 -> 76.87 (+0.57).",
        source=f"{_P1}, section 5.1, table 6; {_P2}, tables 2 and 6",
        code="fasttricks/tricks/cosine.py",
    ),
    Card(
        name="progressive",
        what="Training pictures grow: 160, then 192, then 224 pixels. The evaluation size stays "
        "the same.",
        cost="Recompilation or new CUDA graphs at each size; the loader must be fast while "
        "pictures are small.",
        benefit="A step at 160 costs about half of one at 224. With 160 pixels until 3/4 and 192 "
        "to the end, ResNet-50 reaches 73.8 in 16 epochs, 77.2 in 40 and 78.4 in 88 (15, 36 and 77 "
        "minutes on 8 A100).",
        source="libffcv/ffcv-imagenet, table of configurations (with smoothing, blur and averaging "
        "over flips); after fast.ai",
        code="fasttricks/tricks/progressive.py",
    ),
    # --------------------------------------------------------------------------------------- losses
    Card(
        name="label-smoothing",
        what="A tenth of each target is spread over all classes. Two forms: eps / K for every "
        "class (all code), or eps / (K - 1) for the others (as the paper writes); at 1000 classes "
        "they are alike.",
        cost="One mean over the log-probabilities.",
        benefit="77.91 -> 78.31 (+0.40); Inception-V3 78.19 -> 78.40 (+0.21), "
        "MobileNet 72.83 -> 72.93 (+0.10). Second paper: 77.37 -> 78.35 (+0.98), "
        "mCE 75.73 -> 74.27 (-1.46). Segmentation from such a backbone is worse.",
        source=f"{_P1}, section 5.2, tables 6 and 9; {_P2}, table 7",
        code="fasttricks/tricks/label_smoothing.py",
    ),
    Card(
        name="distillation",
        what="The student also learns a teacher's probabilities, softened by a temperature. The "
        "two losses are added (papers) or weighted (GluonCV).",
        cost="The teacher's forward pass in every step, or `teacher-logits`.",
        benefit="From ResNet-152-D: 78.31 -> 78.67 (+0.36), on top of mixup 79.15 -> 79.29 "
        "(+0.14). A teacher of another family harms: Inception-V3 78.40 -> 78.26 (-0.14), "
        "MobileNet 72.93 -> 71.97 (-0.96).",
        source=f"{_P1}, section 5.3, table 6; Hinton et al. (arXiv 1503.02531)",
        code="fasttricks/tricks/distillation.py",
    ),
    Card(
        name="teacher-logits",
        what="The teacher's logits are computed once per picture, un-augmented, and kept in a "
        "memory-mapped file. `fasttricks teacher` writes it; where pictures are mixed, so are the "
        "teacher's probabilities.",
        cost="One pass of the teacher; 2.6 GB for ImageNet in float16.",
        benefit="The largest teacher costs nothing in training. ResNet-50-D + SK, temperature 1: "
        "81.40 -> 81.69 (+0.29); at temperature 2 81.40 -> 81.47 (+0.07).",
        source=f"{_P2}, tables 5 and 7; clovaai/assembled-cnn kd/",
        code="fasttricks/tricks/teacher_logits.py",
    ),
    # ------------------------------------------------------------------------------ pictures mixed
    Card(
        name="mixup",
        what="Each picture is a blend of two, its target too; the share is drawn from Beta(0.2, "
        "0.2). Type 1 reads two batches for one, and so takes two passes over the pictures for as "
        "many steps; type 2 mixes the halves of one.",
        cost="None in the loader (type 1: twice the decoding). Wants longer training: 120 -> 200 "
        "epochs.",
        benefit="78.31 -> 79.15 (+0.84); Inception-V3 78.40 -> 78.77 (+0.37), "
        "MobileNet 72.93 -> 73.28 (+0.35). Second paper: 78.35 -> 79.10 (+0.75), "
        "mCE 74.27 -> 68.19 (-6.08); type 2 78.85.",
        source=f"{_P1}, section 5.4, table 6; {_P2}, tables 4 and 7; arXiv 1710.09412",
        code="kernels/mix/kinds.py",
    ),
    Card(
        name="cutmix",
        what="A rectangle of each picture comes from another one; targets by area.",
        cost="None in the loader. Wants long training.",
        benefit="ResNet-50, 300 epochs, top-1 error: 23.68 -> 21.40 (-2.28).",
        source="Yun et al. (arXiv 1905.04899), clovaai/CutMix-PyTorch",
        code="kernels/mix/kinds.py",
    ),
    Card(
        name="mixup-or-cutmix",
        what="One of the two by chance, for each picture or each batch; or none of them. Also "
        "with RICAP, and around one mix alone.",
        cost="None in the loader. Wants long training.",
        benefit="Part of torchvision's recipe of 2021, ResNet-50, 600 epochs: 76.13 -> 80.86 "
        "(+4.73) with all that is in it; alone it was not measured.",
        source="timm (timm/data/mixup.py), torchvision (references/classification)",
        code="kernels/mix/kinds.py",
    ),
    Card(
        name="ricap",
        what="Four pictures cropped and joined at a random point; targets by area.",
        cost="None in the loader.",
        benefit="Top-1 error: WideResNet-50-2, 200 epochs 21.84 -> 20.33 (-1.51); CIFAR-10, "
        "WideResNet-28-10 3.89 -> 2.85 (-1.04).",
        source="Takahashi et al. (arXiv 1811.09030), jackryo/ricap",
        code="kernels/mix/kinds.py",
    ),
    Card(
        name="cutout",
        what="A square of the mean colour hides a part of each picture.",
        cost="None in the loader.",
        benefit="Error: CIFAR-10, ResNet-18 4.72 -> 3.99 (-0.73), WideResNet-28-10 "
        "3.87 -> 3.08 (-0.79); CIFAR-100, ResNet-18 22.46 -> 21.96 (-0.50).",
        source="DeVries and Taylor (arXiv 1708.04552), uoguelph-mlrg/Cutout",
        code="kernels/mix/kinds.py",
    ),
    Card(
        name="random-erasing",
        what="A rectangle of noise hides a part of each picture with probability 0.5.",
        cost="None in the loader.",
        benefit="Error: CIFAR-10, ResNet-20 7.21 -> 6.73 (-0.48), WideResNet-28-10 "
        "3.80 -> 3.08 (-0.72); CIFAR-100, WideResNet-28-10 18.49 -> 17.73 (-0.76).",
        source="Zhong et al. (arXiv 1708.04896), zhunzhong07/Random-Erasing",
        code="kernels/mix/kinds.py",
    ),
    Card(
        name="autoaugment",
        what="Each picture gets two operations of one of 25 learned pairs (also RandAugment and "
        "TrivialAugment).",
        cost="Work on uint8 pixels in the loader, after the crop.",
        benefit="Assemble-ResNet-50: 82.69 -> 82.78 (+0.09), mCE 54.12 -> 48.89 (-5.23).",
        source=f"{_P2}, table 7; Cubuk et al. (arXiv 1805.09501)",
        code="kernels/policy.py",
    ),
    Card(
        name="repeated-augmentation",
        what="A batch holds each picture several times, differently augmented.",
        cost="Fewer different pictures in a batch, or larger batches; an epoch has as many times "
        "the steps.",
        benefit="Its papers report better accuracy at the same number of updates; we have no "
        "number for ResNet-50-D.",
        source="Hoffer et al. (arXiv 1901.09335), Berman et al. (arXiv 1902.05509), Fort et al. "
        "(arXiv 2105.13343)",
        code="pipelines/job.py",
    ),
    # --------------------------------------------------------------------------- weights and layers
    Card(
        name="ema",
        what="A second set of weights follows the trained ones as an exponential moving average, "
        "and is what is evaluated.",
        cost="A copy of the weights and one fused update per step.",
        benefit="Evaluation that fluctuates less, sometimes higher accuracy; in neither paper.",
        source="Polyak and Juditsky 1992; TensorFlow's ExponentialMovingAverage",
        code="fasttricks/tricks/ema.py",
    ),
    Card(
        name="dropblock",
        what="Squares of feature maps are dropped in the last two stages, more and more. The kept "
        "share falls linearly from 1 to 0.9 over the training.",
        cost="A mask per block, in training only; wants long training (270 epochs).",
        benefit="ResNet-50-D + SE, 200 -> 270 epochs: 79.71 -> 80.40 (+0.69), "
        "mCE 64.48 -> 62.64 (-1.84).",
        source=f"{_P2}, table 7; Ghiasi et al. (arXiv 1810.12890)",
        code="fasttricks/tricks/dropblock.py",
    ),
    Card(
        name="adabound",
        what="Adam whose step sizes are clipped to bounds that close in on those of SGD.",
        cost="Two states per weight instead of one.",
        benefit="Fast at the start as Adam; its paper shows CIFAR-10 close to SGD at the end. No "
        "number for ImageNet.",
        source="Luo et al. (arXiv 1902.09843), Luolc/AdaBound",
        code="fasttricks/tricks/adabound.py",
    ),
    Card(
        name="blurpool",
        what="A small blur before strides, so that a shifted picture does not alias. Part of the "
        "model, for its strided convolutions, its projections or its max-pool.",
        cost="ResNet-50, a filter of 3 before strided convolutions: 536 -> 519 images/s of "
        "inference on a P40; everywhere with a filter of 5, 422.",
        benefit="ResNet-50 76.30 -> 76.67 (+0.37); in Assemble-ResNet-50 82.44 -> 82.69 (+0.25).",
        source=f"{_P2}, tables 3 and 7; Zhang (arXiv 1904.11486)",
        code="fasttricks/models/blur.py",
    ),
    # ----------------------------------------------------------------------------------- evaluation
    Card(
        name="fixres",
        what="Evaluate larger pictures than were trained on, at the size at which objects look as "
        "large. After 224 pixels that is 256, after 192 it is 224; `fasttricks eval` says it of a "
        "run.",
        cost="Evaluation of (256 / 224) squared, 1.3 times the pixels; nothing in training.",
        benefit="With its fine-tuning of the last layers, which is not done here, ResNet-50 "
        "reaches 77.1 trained at 128 pixels and 79.8 at 224.",
        source=f"Touvron et al. (arXiv 1906.06423), abstract; {_P2} evaluates at 256",
        code="fasttricks/tricks/fixres.py",
    ),
)

CARDS = {card.name: card for card in _CARDS}
"""By name, in the order of docs/tricks.md."""


def find_card(name: str) -> Card:
    """The card of a trick; `_` and `-` are alike.

    Raises:
        UnknownNameError: there is none.
    """
    known = name.lower().replace("_", "-")
    if known not in CARDS:
        raise UnknownNameError("trick", name, list(CARDS))
    return CARDS[known]


def document() -> str:
    """docs/tricks.md."""
    head = (
        "# Tricks\n\n"
        "<!-- Made by `python -m fasttricks.tricks.cards > docs/tricks.md`: edit cards.py. -->\n\n"
        "One trick, one file, one test, one card; `fasttricks tricks NAME` prints it. Numbers are\n"
        "those of the sources: top-1 accuracy on ImageNet in per cent of a ResNet-50-D where\n"
        "nothing else is said, as `before -> after (difference)`.\n\n"
    )
    return head + "\n".join(card.markdown() for card in _CARDS)


if __name__ == "__main__":
    print(document(), end="")
