"""The two ladders, row by row: what each adds, and what it brought in the paper.

P1 is "Bag of Tricks" (arXiv 1812.01187, tables 4 to 6), P2 "Assembled CNN" (arXiv 2001.06268,
table 7). Every rung is a pure function from recipe to recipe. No torch in here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Literal

from fasttricks.models.config import BOTTLENECK_DEPTHS, ResNetConfig
from fasttricks.models.names import model_config
from fasttricks.precision import FLOAT16_ON_CPU
from fasttricks.train.config import (
    AugmentConfig,
    LossConfig,
    MixConfig,
    ModelConfig,
    Option,
    Recipe,
)
from fasttricks.train.ladder import FULL_LENGTH, Change, Ladder, Rung, Skip, stretched
from fasttricks.train.recipes import ASSEMBLED, assemble, baseline

LARGER_BATCH = 4
"""From 256 to 1024 in P1."""
WARMUP_EPOCHS = 5
BIG_LITTLE_MULTIPLE = 32


def same(recipe: Recipe) -> Recipe:
    """The first rung."""
    return recipe


def linear_scaling(recipe: Recipe) -> Recipe:
    """A batch four times as large, and so four times the learning rate."""
    lr = recipe.optim.lr  # None follows the batch by itself
    return replace(
        recipe,
        data=replace(recipe.data, batch_size=LARGER_BATCH * recipe.data.batch_size),
        optim=replace(recipe.optim, lr=lr and LARGER_BATCH * lr),
    )


def warmup(recipe: Recipe) -> Recipe:
    """The learning rate rises from 0 over the first 5 of 120 epochs."""
    length = recipe.schedule.epochs * WARMUP_EPOCHS / FULL_LENGTH
    return replace(
        recipe, schedule=replace(recipe.schedule, warmup="from-zero", warmup_epochs=length)
    )


def zero_gamma(recipe: Recipe) -> Recipe:
    """Residual branches begin with gamma 0."""
    return _with_options(recipe, zero_gamma=True)


def no_bias_decay(recipe: Recipe) -> Recipe:
    """Only weights of convolutions and linear layers decay."""
    return replace(recipe, optim=replace(recipe.optim, decay_rule="weights-only"))


def float16(recipe: Recipe) -> Recipe:
    """Forward and backward pass in 16 bits, where a device computes in them."""
    if recipe.device == "cpu":
        raise Skip(FLOAT16_ON_CPU)
    return replace(recipe, precision="float16")


def variant(which: Literal["b", "c", "d"], recipe: Recipe) -> Recipe:
    """ResNet-B, -C or -D of whichever ResNet the recipe has."""
    config = _resnet(recipe)
    if which == "b" and config.depth not in BOTTLENECK_DEPTHS:
        raise Skip(f"blocks of depth {config.depth} have no 1 x 1 convolution that strides")
    if which == "c" and config.stem == "small":
        raise Skip("the small stem has no 7 x 7 convolution")
    return _with_options(recipe, variant=which)


def cosine(recipe: Recipe) -> Recipe:
    """The learning rate falls as a cosine."""
    return replace(recipe, schedule=replace(recipe.schedule, kind="cosine"))


def smoothing(recipe: Recipe) -> Recipe:
    """Label smoothing with epsilon 0.1."""
    return replace(recipe, loss=replace(recipe.loss, smoothing=0.1))


def distilled(teacher: str, temperature: float, recipe: Recipe) -> Recipe:
    """The teacher's cross-entropy added to the labels'."""
    if not teacher:
        raise Skip("distillation needs --teacher")
    loss = replace(recipe.loss, teacher=teacher, temperature=temperature, distill="sum")
    return replace(recipe, loss=loss)


def mixup(pairing: Literal["permutation", "two-batches"], recipe: Recipe) -> Recipe:
    """Mixup with alpha 0.2: of P1 with one share for a batch, or type 1 of P2, `two-batches`.

    That reads two pictures for each that is trained on: twice the epochs are as many steps.
    """
    group = math.gcd(recipe.mix.group, recipe.data.batch_size)
    if group == 1:
        raise Skip(f"no pairs inside a batch of {recipe.data.batch_size}")
    per: Literal["batch", "sample"] = "batch" if pairing == "permutation" else "sample"
    mix = replace(recipe.mix, kind="mixup", alpha=0.2, per=per, pairing=pairing, group=group)
    passes = mix.pictures_per_output / recipe.mix.pictures_per_output
    return replace(recipe, mix=mix, schedule=stretched(recipe.schedule, passes))


def attention(kind: Literal["se", "sk"], recipe: Recipe) -> Recipe:
    """Squeeze-and-excitation, or selective kernels in its place."""
    _resnet(recipe)
    return _with_options(recipe, attention=kind)


def dropblock(recipe: Recipe) -> Recipe:
    """DropBlock, keeping from 1 to 0.9 over the training, with P2's one mask for a batch."""
    kept: dict[str, Option] = {"dropblock.keep": 0.9, "dropblock.mask": "batch"}
    return _with_options(recipe, **kept)


def longer(recipe: Recipe) -> Recipe:
    """Nothing but more epochs, which is the ladder's to do."""
    return recipe


def big_little(recipe: Recipe) -> Recipe:
    """Big-Little stages, tested at 256 pixels where trained at 224."""
    depth, size = _resnet(recipe).depth, recipe.data.size
    if size % BIG_LITTLE_MULTIPLE:
        raise Skip(f"Big-Little takes multiples of {BIG_LITTLE_MULTIPLE} pixels, not {size}")
    larger = BIG_LITTLE_MULTIPLE * round(size * 256 / 224 / BIG_LITTLE_MULTIPLE)
    alpha, beta = (1, 2) if depth == 152 else (2, 4)
    changed = _with_options(recipe, **{"big_little.alpha": alpha, "big_little.beta": beta})
    return replace(changed, data=replace(recipe.data, eval_size=larger))


def blur(recipe: Recipe) -> Recipe:
    """A blur of 3 x 3 carries the strides of 3 x 3 convolutions."""
    return _with_options(recipe, **{"antialias.filter_size": 3})


def auto_augment(recipe: Recipe) -> Recipe:
    """AutoAugment's policy for ImageNet."""
    return replace(recipe, augment=replace(recipe.augment, policy="auto"))


def _resnet(recipe: Recipe) -> ResNetConfig:
    config = model_config(recipe.model.name, **recipe.model.overrides())
    if not isinstance(config, ResNetConfig):
        raise Skip(f"{recipe.model.name} is no ResNet")
    return config


def _with_options(recipe: Recipe, **options: Option) -> Recipe:
    together = {**recipe.model.options, **options}
    return replace(recipe, model=replace(recipe.model, options=together))


def bag_of_tricks(teacher: str) -> tuple[Rung, ...]:
    """P1: table 4 at batch 1024, then table 5, then table 6; all of ResNet-50."""
    distil: Change = partial(distilled, teacher, 20.0)
    mix: Change = partial(mixup, "permutation")
    return (
        Rung(name="baseline", what="baseline", change=same, top1=75.87),
        Rung(
            name="linear-scaling",
            what="batch x 4, linear scaling",
            change=linear_scaling,
            top1=75.17,
        ),
        Rung(name="warm-up", what="+ warm-up", change=warmup, top1=75.93),
        Rung(name="zero-gamma", what="+ zero gamma", change=zero_gamma, top1=76.37),
        Rung(name="no-bias-decay", what="+ no bias decay", change=no_bias_decay, top1=76.03),
        Rung(name="float16", what="+ float16", change=float16, top1=76.21),
        Rung(name="resnet-b", what="+ ResNet-B", change=partial(variant, "b"), top1=76.66),
        Rung(name="resnet-c", what="+ ResNet-C", change=partial(variant, "c"), top1=76.87),
        Rung(name="resnet-d", what="+ ResNet-D", change=partial(variant, "d"), top1=77.16),
        Rung(name="cosine", what="+ cosine decay", change=cosine, top1=77.91),
        Rung(name="smoothing", what="+ label smoothing", change=smoothing, top1=78.31),
        Rung(name="distillation", what="+ distillation", change=distil, top1=78.67),
        Rung(
            name="mixup",
            what="+ mixup, no distillation",
            change=mix,
            top1=79.15,
            on="smoothing",
            epochs=200,
        ),
        Rung(name="mixup-distillation", what="+ mixup and distillation", change=distil, top1=79.29),
    )


def assembled(teacher: str) -> tuple[Rung, ...]:
    """P2: E0 to E11 of table 7."""
    kept_up: Change = partial(distilled, teacher, 1.0)
    rows: tuple[tuple[str, Change, float, int], ...] = (
        ("baseline", same, 76.87, 0),
        ("+ ResNet-D", partial(variant, "d"), 77.37, 0),
        ("+ label smoothing", smoothing, 78.35, 0),
        ("+ mixup", partial(mixup, "two-batches"), 79.10, 200),
        ("+ SE", partial(attention, "se"), 79.71, 0),
        ("+ DropBlock", dropblock, 80.40, 270),
        ("SK instead of SE", partial(attention, "sk"), 81.40, 0),
        ("+ distillation", kept_up, 81.69, 0),
        ("600 epochs", longer, 82.10, 600),
        ("+ Big-Little", big_little, 82.44, 0),
        ("+ anti-aliasing", blur, 82.69, 0),
        ("+ AutoAugment", auto_augment, 82.78, 0),
    )
    return tuple(
        Rung(name=f"E{number}", what=what, change=change, top1=top1, epochs=epochs)
        for number, (what, change, top1, epochs) in enumerate(rows)
    )


def assemble_e0() -> Recipe:
    """P2's E0: ResNet-50 (whose strides sit where B has them) with none of what it assembles."""
    full = assemble()
    return replace(
        full,
        name="E0",
        model=ModelConfig(name="resnet50b", preset=ASSEMBLED),
        data=replace(full.data, eval_size=full.data.size),
        augment=replace(full.augment, policy=AugmentConfig().policy),
        mix=MixConfig(),
        schedule=replace(full.schedule, epochs=FULL_LENGTH, warmup_epochs=float(WARMUP_EPOCHS)),
        loss=LossConfig(),
    )


LADDERS = {
    "bag-of-tricks": Ladder(
        source="P1 (arXiv 1812.01187) tables 4, 5 and 6: ResNet-50, ImageNet, 120 epochs",
        base=baseline,
        variant="original",
        rungs=bag_of_tricks,
    ),
    "assemble": Ladder(
        source="P2 (arXiv 2001.06268) table 7: ResNet-50, ImageNet, 120 epochs and more",
        base=assemble_e0,
        variant="b",
        rungs=assembled,
    ),
}
