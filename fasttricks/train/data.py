"""From a recipe to loaders, and from a loader to batches, there when the step wants them."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch

from fasttricks.data.open import locate
from fasttricks.errors import BatchSizeError, DataError
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.mixed import Mixed
from fasttricks.kernels.mixes import RICAP, CutMix, Cutout, Mix, Mixup, OneOf, RandomErasing
from fasttricks.kernels.policy import AutoAugment, Policy, RandAugment, TrivialAugment
from fasttricks.pipelines.job import view_rows
from fasttricks.pipelines.loader import Loader, Step
from fasttricks.pipelines.registry import make_loader
from fasttricks.train.config import AugmentConfig, MixConfig, Recipe
from fasttricks.train.distributed import World
from fasttricks.train.normalize import CONSTANTS
from fasttricks.tricks.progressive import ProgressiveSize
from fasttricks.tricks.repeated_augmentation import RepeatedAugmentation


class Batch(NamedTuple):
    """What one forward pass gets."""

    images: torch.Tensor
    """[B, 3, H, W], channels_last."""
    targets: torch.Tensor | Mixed
    indices: torch.Tensor | None = None
    """int64 [B], sample ids, where the loss asks for them."""

    def tensors(self) -> list[torch.Tensor]:
        """All of its tensors, in a fixed order."""
        targets = list(self.targets) if isinstance(self.targets, Mixed) else [self.targets]
        return [self.images, *targets, *([] if self.indices is None else [self.indices])]


AHEAD = 8
"""Steps that may be queued on a GPU before it is waited for: each of them holds a batch there."""

FLAGS = {"batch_size": "--data.batch-size", "mix_group": "--mix.group"}
"""What the command line calls settings of loaders."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def train_loader(recipe: Recipe, world: World) -> Loader:
    """Training pictures of this process, in batches of one accumulated part each.

    Raises:
        ValueError: the batch cannot be shared out evenly.
        DataError: the data cannot be used.
    """
    data = recipe.data
    parts = world.size * recipe.accumulate
    if data.batch_size % (parts * data.views):
        raise ValueError(
            f"data.batch_size {data.batch_size} cannot be divided evenly by {world.size} processes "
            f"x accumulate {recipe.accumulate} x views {data.views}"
        )
    try:
        return make_loader(
            data.pipeline,
            data.path,
            train=True,
            size=picture_size(recipe),
            augment=augmentation(recipe.augment),
            mix=mixes(recipe.mix),
            mix_group=recipe.mix.group,
            **RepeatedAugmentation(data.views).loader_options(data.batch_size // parts),
            **_common(recipe, world),
        )
    except BatchSizeError as error:
        flags = " or ".join(FLAGS[name] for name in error.settings if name in FLAGS)
        raise ValueError(f"{error.fact}; change {flags}") from None


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
        "dtype": DTYPES[recipe.precision],
        "seed": recipe.seed,
        "rank": world.rank,
        "world_size": world.size,
        "num_threads": recipe.data.threads or world.threads,
        "on_error": recipe.data.on_error,
    }


def count_classes(loader: Loader, recipe: Recipe) -> int:
    """How many classes the network needs.

    Raises:
        DataError: targets are no class indices, or one is larger than the recipe allows.
    """
    targets, asked = loader.dataset.targets, recipe.model.num_classes
    if targets.ndim != 1 or targets.dtype.kind not in "iu":
        raise DataError("training needs one class index per picture as target")
    needed = max(int(targets.max()) + 1, len(loader.dataset.classes))
    if asked is not None and asked < needed:
        raise DataError(f"the data has {needed} classes, the recipe's model.num_classes is {asked}")
    return asked or needed


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


class Feed:
    """The batches of what is left of an epoch, and how long the device stood idle for them.

    On a GPU the loader's work there (copies, finishing) goes to a stream of its own, so that it
    runs beside the step that was launched before. On the CPU a batch is handed over as it comes:
    the loader's threads make the next ones meanwhile.

    Args:
        loader: placed where the feed is to begin.
        epoch, first: where that is: the epoch, and how many batches of it are done.
        indices: whether batches say which samples they have.
    """

    def __init__(self, loader: Loader, epoch: int, first: int, *, indices: bool = False) -> None:
        self._loader, self._epoch, self._number, self._indices = loader, epoch, first, indices
        self._batches = cast(Generator[Step], iter(loader))
        self._seconds = 0.0
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._last: Batch | None = None
        self._used: deque[tuple[Batch, torch.cuda.Event]] = deque()
        device = loader.options.device
        self._side = _stream(device) if device.type == "cuda" else None

    def take(self, count: int) -> Iterator[Batch]:
        """The next `count` batches, each fetched when the step asks for it."""
        for _ in range(count):
            yield self._next() if self._side is None else self._next_on(self._side)

    def close(self) -> None:
        """Stop the loader's work for batches that nobody will take. Waits for a GPU."""
        self._batches.close()
        if self._last is not None and self._side is not None:
            torch.cuda.current_stream(self._side.device).synchronize()
        self._last = None
        self._used.clear()

    def waited(self) -> float:
        """Seconds since it was last asked that the step had nothing to do for want of a batch.

        On a GPU only after the device was waited for: the events are then past.
        """
        pairs, self._events = self._events, []
        idle: float = sum(max(0.0, before.elapsed_time(ready)) for before, ready in pairs) / 1000
        seconds, self._seconds = self._seconds + idle, 0.0
        return seconds

    def _next(self) -> Batch:
        began = time.perf_counter()
        batch = self._fetch()
        self._seconds += time.perf_counter() - began
        return batch

    def _next_on(self, side: torch.cuda.Stream) -> Batch:
        main = torch.cuda.current_stream(side.device)
        idle = main.record_event(_event())
        self._let_go(idle)
        with torch.cuda.stream(side):
            batch = self._last = self._fetch()
            ready = side.record_event(_event())
        main.wait_event(ready)
        self._events.append((idle, ready))
        return batch

    def _let_go(self, done: torch.cuda.Event) -> None:
        """Keep the batch before until `done`, the end of its step, has come; let older ones go.

        Its memory belongs to `side`: freed earlier, it would be written to while the step reads.
        (`record_stream` says so to torch's allocator only, but DALI's pictures are in DALI's.)
        """
        if self._last is not None:
            self._used.append((self._last, done))
        while self._used and (len(self._used) > AHEAD or _past(self._used[0][1])):
            self._used.popleft()[1].synchronize()

    def _fetch(self) -> Batch:
        images, targets = next(self._batches)
        number, self._number = self._number, self._number + 1
        if not self._indices:
            return Batch(images, targets)
        samples, _ = view_rows(
            self._loader.indices(self._epoch, number), self._loader.options.views
        )
        ids = torch.from_numpy(np.ascontiguousarray(samples))
        return Batch(images, targets, ids.to(images.device, non_blocking=True))


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """One for all feeds: torch keeps free memory by stream, and gives none to another."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _past(event: torch.cuda.Event) -> bool:
    return event.query()  # type: ignore[no-untyped-call,no-any-return]


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
