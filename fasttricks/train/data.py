"""From a recipe to loaders of its pictures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from fasttricks.data.open import locate
from fasttricks.errors import BatchSizeError, DataError
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mix, Mixup, OneOf, RandomErasing
from fasttricks.kernels.policy import AutoAugment, Policy, RandAugment, TrivialAugment
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.registry import make_loader
from fasttricks.train.config import AugmentConfig, MixConfig, Recipe
from fasttricks.train.distributed import World
from fasttricks.train.normalize import CONSTANTS
from fasttricks.tricks.mixed_precision import MixedPrecision
from fasttricks.tricks.progressive import ProgressiveSize


def train_loader(recipe: Recipe, world: World) -> Loader:
    """Training pictures of this process, in batches of one accumulated part each.

    Raises:
        ValueError: the batch cannot be shared out evenly.
        DataError: the data cannot be used.
    """
    data = recipe.data
    try:
        return make_loader(
            data.pipeline,
            data.path,
            batch_size=pictures_at_once(recipe, world.size),
            views=data.views,
            train=True,
            size=picture_size(recipe),
            augment=augmentation(recipe.augment),
            mix=mixes(recipe.mix),
            mix_group=recipe.mix.group,
            **_common(recipe, world),
        )
    except BatchSizeError as error:
        raise ValueError(f"{error.fact}; change --data.batch-size") from None


def pictures_at_once(recipe: Recipe, processes: int) -> int:
    """Pictures in a batch of one process: its share of an accumulated part, each view of which is
    an output of its own.

    Raises:
        ValueError: the batch cannot be shared out evenly, or not in whole groups to mix.
    """
    data, mix = recipe.data, recipe.mix
    parts = processes * recipe.accumulate * data.views
    count, rest = divmod(data.batch_size, parts)
    if rest:
        raise ValueError(
            f"data.batch_size {data.batch_size} cannot be divided evenly by {processes} processes "
            f"x accumulate {recipe.accumulate} x views {data.views}"
        )
    read = count * mix.pictures_per_output
    if mix.kind != "none" and read % mix.group:
        raise ValueError(
            f"pictures are mixed in groups of {mix.group}, and a process takes {read} at a time; "
            f"change --data.batch-size or --mix.group (such as {math.gcd(mix.group, read)})"
        )
    return count


def eval_loader(recipe: Recipe, world: World) -> Loader | None:
    """Evaluation pictures of this process; None if the recipe evaluates on none.

    Raises:
        DataError: the data cannot be used, or is what is trained on.
    """
    data = recipe.data
    if data.val == "none":
        return None
    if not data.val and not _divided(data.path):
        raise DataError(
            f"{data.path} has no val inside to evaluate on: give --data.val, or `--data.val none`"
        )
    return make_loader(
        data.pipeline,
        data.val or data.path,
        batch_size=max(1, data.eval_batch_size // world.size),
        train=False,
        size=data.eval_size,
        augment=augmentation(recipe.augment),
        **_common(recipe, world),
    )


def _divided(path: str) -> bool:
    """Whether the folder has different parts for training and evaluation."""
    if Path(path).is_file():  # a .beton
        return False
    return locate(path, train=True) != locate(path, train=False)


def _common(recipe: Recipe, world: World) -> dict[str, Any]:
    """What both loaders are told. Pictures come in the type that the first layer reads anyway."""
    return {
        "device": world.device,
        "dtype": MixedPrecision(recipe.precision, world.device.type).dtype,
        "seed": recipe.seed,
        "rank": world.rank,
        "world_size": world.size,
        "num_threads": recipe.data.threads or world.threads,
        "on_error": recipe.data.on_error,
    }


def picture_size(recipe: Recipe) -> int | ProgressiveSize:
    """Side of training pictures: one, or a function of the epoch."""
    data = recipe.data
    if not data.progressive:
        return data.size
    return ProgressiveSize(recipe.schedule.epochs, data.progressive, data.progressive_starts)


def augmentation(config: AugmentConfig) -> Augment:
    """The transform that a recipe describes."""
    jitter = (1 - config.jitter, 1 + config.jitter)
    policies: dict[str, Policy | None] = {
        "none": None,
        "auto": AutoAugment(),
        "rand": RandAugment(),
        "trivial": TrivialAugment(),
    }
    mean, std = CONSTANTS[config.normalize]
    return Augment(
        mean=mean,
        std=std,
        area=(config.area, 1.0),
        color=config.color,
        hue=jitter,
        saturation=jitter,
        brightness=jitter,
        contrast=jitter,
        lighting=config.lighting,
        flip=config.flip,
        policy=policies[config.policy],
        crop_ratio=config.crop_ratio,
        interpolation=config.interpolation,
    )


def mixes(config: MixConfig) -> tuple[Mix, ...]:
    """What a recipe mixes and erases, as `make_loader` takes it."""
    chosen = _mixing(config)
    if config.cutout:
        chosen.append(Cutout(config.cutout))
    if config.erasing:
        chosen.append(RandomErasing(config.erasing))
    return tuple(chosen)


def _mixing(config: MixConfig) -> list[Mix]:
    """What mixes pictures: one, or none."""
    kind, probability = config.kind, config.probability
    per = config.per or ("batch" if kind == "ricap" else "sample")
    if kind == "none":
        return []
    if kind == "cutmix":
        mix: Mixup | CutMix | RICAP = CutMix(config.alpha or 1.0, per=per)
    elif kind == "ricap":
        mix = RICAP(config.alpha or 0.3, per=per)
    else:
        mix = Mixup(config.alpha or 0.2, per=per, pairing=config.pairing)
    if kind == "mixup-or-cutmix":
        weights = 1 - config.cutmix_share, config.cutmix_share
        cutmix = CutMix(config.cutmix_alpha or 1.0, per=per)
        return [OneOf(mix, cutmix, weights=weights, probability=probability, per=per)]
    return [mix if probability == 1 else OneOf(mix, probability=probability, per=per)]
