"""A data set as advice needs to know it: its shape, and a sample of its pictures looked into."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fasttricks.data.probe import Kind, probe
from fasttricks.data.samples import Samples
from fasttricks.data.tar_pack import TarPack
from fasttricks.doctor.disk import look_at_disk
from fasttricks.doctor.facts import Data
from fasttricks.doctor.seek import find_index, walk_again
from fasttricks.doctor.shape import look_at_shape
from fasttricks.errors import BadSampleError, DataError
from fasttricks.kernels.jpeg.seek import TILE_PIXELS
from fasttricks.pipelines.beton.file import Beton

SAMPLED = 256
"""Pictures that are looked at. A share found from them is off by 6 % at most, 19 times in 20."""
READING_S = 3.0
"""How long pictures are read for the disk's rate."""
LOOKING_S = 8.0
"""How long pictures are looked into, of a slow disk or of huge pictures."""


@dataclass(frozen=True, kw_only=True)
class LookedAt:
    """A data set's facts, and what measuring needs of it."""

    data: Data
    samples: Samples
    good: list[int]
    """Sampled pictures that can be decoded; they have just been read, and so are in memory."""


def look_at_data(path: Path, *, train: bool = True, index: Path | None = None) -> LookedAt:
    """Open a data set and look at a sample of it. Nothing is made or changed.

    Args:
        path: a folder of class folders, or with train and val inside; a pack; a `.beton`.
        train: look at train, or at val.
        index: the file of the seek index; by default where loaders look for it.

    Raises:
        DataError: it cannot be opened, or no picture of the sample can be read.
    """
    began = time.monotonic()
    shape = look_at_shape(path, train=train)
    listing, samples = time.monotonic() - began, shape.samples
    chosen = draw_sample(len(samples), SAMPLED)
    place = samples.path(0) or path  # what a folder has may be links
    disk = look_at_disk(samples, chosen, place, READING_S)
    sample = _Sample(samples, chosen)
    if not sample.sizes:
        raise DataError(
            f"none of {len(chosen)} sampled pictures of {path} can be read: {sample.why}"
        )
    found = find_index(samples, index)
    low, middle, high = (int(size) for size in np.percentile(sample.sizes, (10, 50, 90)))
    data = Data(
        name=str(path),
        kind=_kind(samples),
        pictures=len(samples),
        classes=len(samples.classes),
        validation=shape.validation,
        listing_s=listing,
        sampled=sample.count,
        bytes_low=low,
        bytes_middle=middle,
        bytes_high=high,
        bytes_mean=float(np.mean(sample.sizes)),
        pixels_mean=float(np.mean([h * w for h, w in sample.sides])) if sample.sides else 0.0,
        side_middle=int(np.median([min(one) for one in sample.sides])) if sample.sides else 0,
        cuttable=sample.cuttable,
        progressive=sample.progressive,
        odd=sample.odd,
        bad=sample.bad,
        index=found.state.value,
        index_path=str(found.path),
        disk=disk,
        problems=shape.problems,
        notes=shape.notes,
    )
    return LookedAt(data=data, samples=samples, good=sample.good)


def draw_sample(count: int, most: int) -> list[int]:
    """Up to `most` of `count` pictures, the same each time, in no order."""
    return [int(i) for i in np.random.default_rng(0).permutation(count)[:most]]


def _kind(samples: Samples) -> str:
    if isinstance(samples, Beton):
        return "beton"
    return "pack" if isinstance(samples, TarPack) else "folder"


class _Sample:
    """What the chosen pictures are, one after the other: a set may have huge ones."""

    def __init__(self, samples: Samples, chosen: list[int]) -> None:
        self.count = self.cuttable = self.progressive = self.odd = self.bad = 0
        self.sizes: list[int] = []
        self.sides: list[tuple[int, int]] = []
        self.good: list[int] = []
        self.why = ""
        deadline = float("inf")  # until the first is done: it may compile, which is not looking
        for index in chosen:
            if time.monotonic() > deadline:
                break
            self._look(samples, index)
            deadline = min(deadline, time.monotonic() + LOOKING_S)

    def _look(self, samples: Samples, index: int) -> None:
        self.count += 1
        try:
            data = samples.read(index)
        except BadSampleError as error:
            self.bad, self.why = self.bad + 1, error.cause
            return
        self.sizes.append(len(data))
        told = probe(data)
        if told.kind is Kind.BAD:
            self.bad, self.why = self.bad + 1, told.reason
            return
        self.good.append(index)
        self.sides.append((told.height, told.width))
        self.progressive += told.progressive
        self.odd += told.kind is Kind.ODD and not told.progressive
        self.cuttable += told.kind is Kind.PLAIN and len(walk_again(data, TILE_PIXELS)[1]) > 0
