"""Recipes: functions that give a `Recipe`, and what each costs and reaches. No torch in here.

P1 is "Bag of Tricks" (arXiv 1812.01187), P2 "Assembled CNN" (arXiv 2001.06268). Accuracies are the
papers' own, of ImageNet's validation set; only that of `cpu-small` was measured with this code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from fasttricks.train.config import (
    AugmentConfig,
    DataConfig,
    LossConfig,
    MixConfig,
    ModelConfig,
    OptimConfig,
    Option,
    Recipe,
    ScheduleConfig,
)


def baseline() -> Recipe:
    """ResNet-50 as "Bag of Tricks" starts from: batch 256, step decay, no trick."""
    return Recipe(
        name="baseline",
        model=ModelConfig(name="resnet50", preset={"zero_gamma": False}),
        data=DataConfig(batch_size=256),
        optim=OptimConfig(lr_per_256=0.1, momentum=0.9, weight_decay=1e-4, decay_rule="all"),
        schedule=ScheduleConfig(epochs=120, kind="step", drops=(0.25, 0.5, 0.75), factor=0.1),
    )


def efficient() -> Recipe:
    """The efficient training of "Bag of Tricks" (section 3): batch 1024, float16, and more.

    Linear scaling, warm-up, zero gamma, no bias decay.
    """
    return replace(
        baseline(),
        name="efficient",
        precision="float16",
        model=ModelConfig(name="resnet50", preset={"zero_gamma": True}),
        data=DataConfig(batch_size=1024),
        optim=OptimConfig(lr_per_256=0.1, decay_rule="weights-only"),
        schedule=replace(baseline().schedule, warmup="from-zero", warmup_epochs=5.0),
    )


def tricks() -> Recipe:
    """All of "Bag of Tricks" (section 5): ResNet-50-D, cosine decay, label smoothing, mixup.

    The rest is as in `efficient`. `--loss.teacher` adds the distillation; the paper's teacher is a
    ResNet-152-D trained with cosine decay and smoothing, at temperature 20. Mixup draws
    one share for the whole batch, as the authors' code does; partners are drawn inside groups of
    32, where that code reverses the order of each device's pictures.
    """
    return replace(
        efficient(),
        name="tricks",
        model=ModelConfig(name="resnet50d", preset={"zero_gamma": True}),
        mix=MixConfig(kind="mixup", alpha=0.2, per="batch"),
        schedule=ScheduleConfig(epochs=200, kind="cosine", warmup_epochs=5.0),
        loss=LossConfig(smoothing=0.1, temperature=20.0),
    )


ASSEMBLED: dict[str, Option] = {
    "bn_momentum": 0.003,
    "init": "variance-scaling",
    "zero_gamma": True,
}
"""What all networks of P2 have (nets/model_helper.py)."""


def assemble() -> Recipe:
    """E11 of "Assembled CNN": Assemble-ResNet-50, DropBlock, mixup, AutoAugment, 600 epochs.

    Mixup of type 1 reads two pictures for each that is trained on. So 1200 passes over the pictures
    are the 600 epochs of the paper, whose code doubles its passes, too; warm-up likewise. E11 also
    distils, at temperature 1, from AmoebaNet-A's stored logits: `--loss.teacher`. The paper uses
    plain momentum, lets everything decay except norms, and keeps 0.997 of BatchNorm's statistics
    at each step, which takes thousands of steps (`--model.options bn_momentum 0.1` for fewer).

    What still differs from its code: it crops with TensorFlow's sampler (at least a tenth of a
    bounding box inside, 100 tries); partners are neighbours here, halves of a batch there; it
    resizes to 292 pixels before evaluating at 256, here it is 293; its networks have a class for
    the background; its classifier starts with TensorFlow's default for dense layers.
    """
    return Recipe(
        name="assemble",
        precision="float16",
        model=ModelConfig(
            name="assemble_resnet50",
            preset={**ASSEMBLED, "dropblock.keep": 0.9, "dropblock.mask": "batch"},
        ),
        data=DataConfig(batch_size=1024, size=224, eval_size=256),
        augment=AugmentConfig(
            area=0.05, color="none", lighting=0.0, policy="auto", normalize="mean-only"
        ),
        mix=MixConfig(kind="mixup", alpha=0.2, per="sample", pairing="two-batches"),
        optim=OptimConfig(kind="sgd", lr_per_256=0.1, decay_rule="norms-exempt"),
        schedule=ScheduleConfig(epochs=2 * 600, kind="cosine", warmup_epochs=2 * 5.0),
        loss=LossConfig(smoothing=0.1, temperature=1.0),
    )


def fast(epochs: int, *, grows: int) -> Recipe:
    """A short schedule at 160 and, from the epoch `grows` on, 192 pixels, evaluated at 256.

    FFCV's ResNet-50 (libffcv/ffcv-imagenet, train_imagenet.py and rn50_configs): torchvision's
    network and first weights, plain momentum, a learning rate of 1.7 for 8 x 512 pictures that
    rises for two epochs and falls along a line, label smoothing, no colour augmentation. Its
    accuracy is the mean over flips (`fasttricks eval --flip`).

    What differs: FFCV blurs before a strided 3 x 3 convolution, with zeros around, and here the
    blur carries the stride behind it, as in "Assembled CNN", with mirrored edges; its norms of
    shortcuts, which are not called bn, decay; it computes in float16; its classifier starts as
    torch's Linear does; its pictures are of at most 500 pixels, half of them compressed again.
    """
    return Recipe(
        name=f"fast{epochs}",
        precision="bfloat16",
        compile=True,
        model=ModelConfig(
            name="resnet50b",
            preset={
                "zero_gamma": False,
                "antialias.filter_size": 3,
                "antialias.positions": "sconv,proj",
                "init": "he-fan-out",
            },
        ),
        data=DataConfig(
            batch_size=8 * 512,
            progressive=(160, 192),
            progressive_starts=(0.0, grows / epochs),
            eval_size=256,
        ),
        augment=AugmentConfig(color="none", lighting=0.0, normalize="torch"),
        optim=OptimConfig(
            kind="sgd", lr_per_256=1.7 / 16, weight_decay=1e-4, decay_rule="norms-exempt"
        ),
        schedule=ScheduleConfig(epochs=epochs, kind="linear", warmup_epochs=2.0),
        loss=LossConfig(smoothing=0.1),
    )


def fast16() -> Recipe:
    """16 epochs, 160 to 192 pixels."""
    return fast(16, grows=12)


def fast40() -> Recipe:
    """40 epochs, 160 to 192 pixels."""
    return fast(40, grows=32)


def fast88() -> Recipe:
    """88 epochs, 160 to 192 pixels."""
    return fast(88, grows=71)


def mobilenet() -> Recipe:
    """MobileNet-V1 refined as in "Bag of Tricks": cosine, smoothing, mixup."""
    return replace(tricks(), name="mobilenet", model=ModelConfig(name="mobilenet_v1"))


def inception() -> Recipe:
    """Inception-V3 at 299 pixels, refined as in "Bag of Tricks": cosine, smoothing, mixup."""
    return replace(
        tricks(),
        name="inception",
        model=ModelConfig(name="inception_v3"),
        data=replace(tricks().data, size=299, eval_size=299),
    )


def cpu_small() -> Recipe:
    """A small network on small pictures, for sets of about a thousand: minutes on two cores.

    Its layers have a quarter of the channels (`--model.options width 0.25`).
    """
    return Recipe(
        name="cpu-small",
        log_every=10,
        model=ModelConfig(name="resnet18d", preset={"width": 0.25}),
        data=DataConfig(
            pipeline="resident", batch_size=32, size=96, eval_size=112, eval_batch_size=100
        ),
        augment=AugmentConfig(area=0.25, jitter=0.2),
        optim=OptimConfig(lr=0.05, weight_decay=5e-4, decay_rule="weights-only"),
        schedule=ScheduleConfig(epochs=30, kind="cosine", warmup_epochs=2.0),
        loss=LossConfig(smoothing=0.1),
    )


@dataclass(frozen=True)
class Entry:
    """A recipe in the list."""

    make: Callable[[], Recipe]
    cost: str
    """What it is expected to cost."""
    accuracy: str
    """Top-1 in percent, and whose number that is."""

    @property
    def what(self) -> str:
        """The first line of the recipe's description."""
        return (self.make.__doc__ or "").splitlines()[0].rstrip(".")


V100 = "8 V100"
A100 = "8 A100 (FFCV's own pictures)"

RECIPES = {
    "baseline": Entry(baseline, f"27 h on {V100}: 120 epochs of 13.3 min", "75.87 (P1 table 2)"),
    "efficient": Entry(efficient, f"9 h on {V100}: 120 epochs of 4.4 min", "76.21 (P1 table 3)"),
    "tricks": Entry(
        tricks,
        f"15 h on {V100}: 200 epochs of 4.5 min",
        "79.15; 79.29 with the teacher (P1 table 6)",
    ),
    "assemble": Entry(
        assemble,
        "600 epochs, 1.8 x the multiplications of ResNet-50",
        "82.78 with the teacher (P2 table 7, E11)",
    ),
    "fast16": Entry(fast16, f"15 min on {A100}", "73.8 with flips (FFCV, rn50_16)"),
    "fast40": Entry(fast40, f"36 min on {A100}", "77.2 with flips (FFCV, rn50_40)"),
    "fast88": Entry(fast88, f"77 min on {A100}", "78.4 with flips (FFCV, rn50_88)"),
    "mobilenet": Entry(mobilenet, f"12 h on {V100}: 200 epochs of 3.7 min", "73.28 (P1 table 6)"),
    "inception": Entry(inception, f"27 h on {V100}: 200 epochs of 8 min", "78.77 (P1 table 6)"),
    "cpu-small": Entry(
        cpu_small,
        "1 to 2 min on 2 CPU cores, 700 pictures",
        "92 on ten classes of Caltech-101 (3 seeds: 91 to 95)",
    ),
}
"""Every recipe by the name that `fasttricks train` takes. Costs are what the sources report for
their own hardware: P1 table 3 (minutes an epoch) times epochs, FFCV's README."""
