"""The pictures to show, from where training has them: the files, the plan, the loaders' batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.pixels import decode_rgb
from fasttricks.data.samples import Samples
from fasttricks.errors import BadSampleError, DataError
from fasttricks.kernels.augment import PlanParams
from fasttricks.kernels.mix.targets import Mixed
from fasttricks.kernels.plan import Box, epoch_order, plan_batch
from fasttricks.pipelines.loader import Loader

Pixels = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Original:
    """A sample before anything is done to it, and what the plan will do."""

    index: int
    """In the data set."""
    name: str
    target: str
    """Its class, in words."""
    pixels: Pixels
    """uint8 [H, W, 3]"""
    box: Box
    """(top, left, height, width) of the crop, in pixels of the picture."""
    flip: bool


@dataclass(frozen=True)
class Part:
    """One of the pictures that a mixed one is made of."""

    index: int
    """In the data set."""
    target: str
    weight: float
    """Its share of the target; those of a picture sum to 1."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a loader gave for R samples."""

    levels: list[Levels]
    """R times float32 [size, size, 3]: its output, denormalised to levels of 0 to 255. Not clipped:
    colour jitter leads out of that range."""
    parts: list[tuple[Part, ...]]
    """R times the targets: one part each, where nothing is mixed."""
    replaced: list[str] = field(default_factory=list)
    """What the loader could not read and replaced, in words; none of the R samples."""


def read_original(
    samples: Samples, index: int, seed: int, epoch: int, params: PlanParams
) -> Original:
    """Decode a sample whole and plan it.

    Raises:
        BadSampleError: it cannot be read or decoded.
    """
    try:
        pixels = decode_rgb(samples.read(index))
    except DataError as error:
        raise BadSampleError(index, samples.name(index), str(error)) from error
    height, width, _ = pixels.shape
    ((plan,), _) = plan_batch(seed, epoch, [index], [0], [height], [width], params)
    return Original(
        index=index,
        name=samples.name(index),
        target=in_words(samples.targets[index], samples.classes),
        pixels=pixels,
        box=(int(plan["top"]), int(plan["left"]), int(plan["height"]), int(plan["width"])),
        flip=bool(plan["flip"]),
    )


def positions_of(indices: list[int], seed: int, epoch: int, count: int) -> list[int]:
    """Where samples stand in an epoch's order over `count` of them."""
    place = np.argsort(epoch_order(np.uint64(seed), epoch, count))
    return [int(place[index]) for index in indices]


def collect(loader: Loader, epoch: int, indices: list[int]) -> Outputs:
    """The loader's own pictures of some samples, each from the batch that it belongs to.

    Args:
        loader: for training, not dropping the last batch, one process of one, one view.
        indices: R sample indices.

    Raises:
        BadSampleError: the loader has to replace one of them.
    """
    batch = loader.options.global_batch
    rows_of: dict[int, list[tuple[int, int]]] = {}  # (row, sample) by the batch's number
    positions = positions_of(indices, loader.options.seed, epoch, len(loader.dataset))
    for index, position in zip(indices, positions, strict=True):
        number, row = divmod(position, batch)
        rows_of.setdefault(number, []).append((row, index))
    levels: dict[int, Levels] = {}
    parts: dict[int, tuple[Part, ...]] = {}
    for number in sorted(rows_of):
        loader.load_state_dict(loader.state_dict() | {"epoch": epoch, "consumed": number * batch})
        images, targets = next(iter(loader))
        for row, index in rows_of[number]:
            levels[index] = _denormalised(images[row], loader)
            parts[index] = _parts(targets, row, index, loader)
    for bad in loader.errors:
        if bad.index in indices:
            raise BadSampleError(bad.index, bad.name, bad.cause)
    return Outputs(
        levels=[levels[index] for index in indices],
        parts=[parts[index] for index in indices],
        replaced=[f"sample {bad.index} ({bad.name}): {bad.cause}" for bad in loader.errors],
    )


def in_words(target: Any, classes: list[str]) -> str:
    """A sample's target: the class's name where it has one."""
    values = np.asarray(target)
    if values.ndim == 0 and values.dtype.kind in "iu":
        number = int(values)
        return classes[number] if 0 <= number < len(classes) else f"class {number}"
    return np.array2string(values, precision=3, threshold=6, edgeitems=2).replace("\n", "")


def _denormalised(image: torch.Tensor, loader: Loader) -> Levels:
    """float32 [size, size, 3] from a finished picture [3, size, size]."""
    augment = loader.options.augment
    mean, std = np.array(augment.mean, np.float32), np.array(augment.std, np.float32)
    pixels = image.permute(1, 2, 0).float().cpu().numpy()
    return np.asarray(pixels * std + mean, np.float32)


def _parts(targets: torch.Tensor | Mixed, row: int, index: int, loader: Loader) -> tuple[Part, ...]:
    classes = loader.dataset.classes
    if not isinstance(targets, Mixed):
        return (Part(index, in_words(targets[row].numpy(), classes), 1.0),)
    return tuple(
        Part(int(sample), in_words(label.numpy(), classes), float(weight))
        for label, weight, sample in zip(
            targets.labels[row], targets.weights[row], targets.indices[row], strict=True
        )
    )
