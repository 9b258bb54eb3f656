"""Pictures that are mixed with each other: made as uint8, finished while they are in a cache still.

Mixing needs pictures of the same few samples only, so it need not wait for the whole batch, and the
uint8 pictures need not go through main memory.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.finish_numba import finish_mixed
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.mix.description import Mixes
from fasttricks.kernels.mix.pool import Wanted

Bytes = npt.NDArray[np.uint8]

LEAST = 16
"""Samples of a group, at least: enough that what Python does for it is little."""


class Spare:
    """Scratch buffers, reused last-in first-out: the latest returned is likely still in cache."""

    def __init__(self) -> None:
        self._blocks: deque[Bytes] = deque()

    def take(self, shape: tuple[int, ...]) -> Bytes:
        """uint8 of this shape; any thread may ask."""
        size = math.prod(shape)
        try:
            block = self._blocks.pop()
        except IndexError:
            block = np.empty(0, np.uint8)
        if len(block) < size:
            block = np.empty(size, np.uint8)
        return block[:size].reshape(shape)

    def give(self, array: Bytes) -> None:
        """It is not needed any more."""
        whole = array.base  # what `take` has cut it from
        self._blocks.append(whole if isinstance(whole, np.ndarray) else array.reshape(-1))


class Group:
    """g samples of a batch that are mixed with each other only, in all their views.

    Attributes:
        samples: which of the batch they are.
    """

    def __init__(self, samples: slice, views: int) -> None:
        self.samples = samples
        self._views = views
        self._count: int = samples.stop - samples.start
        self._left = self._count
        self._pixels: Bytes | None = None
        self._lock = threading.Lock()

    def pixels(self, spare: Spare, size: int) -> Bytes:
        """Memory for their upright pictures, uint8 [views * g, size, size, 3], view-major."""
        with self._lock:
            if self._pixels is None:
                self._pixels = spare.take((self._views * self._count, size, size, 3))
            return self._pixels

    def slots(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """The rows of `pixels` of `count` samples from number `first` of the batch on, in all
        views: int64 [views * count], view-major."""
        starts = np.arange(self._views) * self._count + first - self.samples.start
        slots: npt.NDArray[np.int64] = starts[:, None] + np.arange(count)
        return slots.reshape(-1)

    def add(self, count: int) -> bool:
        """Note that this many samples are done; True for the last ones: `mix` them."""
        with self._lock:
            self._left -= count
            return self._left == 0

    def outputs(self, order: npt.NDArray[np.int64], batch: int) -> list[npt.NDArray[np.int64]]:
        """The outputs that are made of them, view by view.

        Args:
            order: [B], all outputs as in `Order`, in which those of a group stand together.
            batch: how many samples it has.
        """
        count = len(order) // self._views
        pictures = -(-batch // count)  # that one is made of
        begin, end = self.samples.start // pictures, -(-self.samples.stop // pictures)
        return [order[view * count + begin : view * count + end] for view in range(self._views)]

    def mix(
        self,
        wanted: Wanted,
        matrices: npt.NDArray[np.float32],
        out: npt.NDArray[Any],
        form: int,
        spare: Spare,
    ) -> None:
        """Finish and mix them, and give their memory back. In this thread, without the GIL.

        Args:
            wanted: what the batch's rows are mixed to.
            matrices: [R, 3, 4], of all rows of the batch.
            out: [B, size, size, 3], the batch as `finish_numba` takes it with `form`; those rows
                are written that are made of these samples.
        """
        assert self._pixels is not None
        batch = len(matrices) // self._views
        for view, outputs in enumerate(self.outputs(wanted.outputs, batch)):
            rows = slice(view * batch + self.samples.start, view * batch + self.samples.stop)
            _mix_in_order(
                outputs,
                self._pixels[view * self._count : (view + 1) * self._count],
                matrices[rows],
                wanted.mixes,
                out,
                form,
                rows.start,
            )
        spare.give(self._pixels)
        self._pixels = None


@kernel
def _mix_in_order(
    order: npt.NDArray[np.int64],
    pixels: Bytes,
    matrices: npt.NDArray[np.float32],
    mixes: Mixes,
    out: npt.NDArray[Any],
    form: int,
    origin: int,
) -> None:
    """Finish outputs one after the other, each right after one that it has a picture in common
    with, if there is one: see `finish_mixed`."""
    upright = np.zeros(len(pixels), np.uint8)
    for output in order:
        finish_mixed(pixels, matrices, upright, mixes, out, form, output, output + 1, origin)


def groups_of(count: int, views: int, span: int) -> list[Group]:
    """The samples of a batch of `count` in groups of `span` (see `kernels.mix.plan.span`), or of a
    multiple of it."""
    each = span * -(-LEAST // span)
    starts = range(0, count, each)
    return [Group(slice(start, min(start + each, count)), views) for start in starts]
