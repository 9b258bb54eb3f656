"""Pictures that are mixed with each other: made as uint8, finished while they are in a cache still.

Mixing needs pictures of the same few samples only, so it need not wait for the whole batch, and the
uint8 pictures need not go through main memory. There are two ways:

- At once: one thread makes a whole group, in the order in which outputs need pictures, and finishes
  each output as soon as its pictures are there (`decode.rows.make_mixed`). So it goes with groups
  of up to AT_ONCE samples, however many threads there are and however large the pictures.
- Afterwards: all pictures are made, in pieces by any threads, and whichever makes the last one
  finishes the group (`Group.mix`). So it goes with larger groups, for which one thread would take
  too long; where the decoder complains about a picture, which PIL has to make then; and with
  simplejpeg, which comes back to Python after each picture.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.finish_numba import finish_mixed
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.mix.description import Mixes
from fasttricks.kernels.mix.pool import Wanted
from fasttricks.pipelines.recycle import Spare

Bytes = npt.NDArray[np.uint8]

LEAST, AT_ONCE = 16, 64
"""LEAST: samples of a group, at least: enough that what Python does for it is little. AT_ONCE: at
most, for one thread to make all of it."""


class Group:
    """g samples of a batch that are mixed with each other only, in all their views.

    Attributes:
        samples: which of the batch they are.
        at_once: whether one thread makes all of them.
    """

    def __init__(self, samples: slice, views: int) -> None:
        self.samples = samples
        self._views = views
        self._count: int = samples.stop - samples.start
        self._left = self._count
        self.at_once = self._count <= AT_ONCE
        self._pixels: Bytes | None = None
        self._lock = threading.Lock()

    def pixels(self, spare: Spare, size: int) -> Bytes:
        """Memory for their upright pictures, uint8 [views * g, size, size, 3], view-major."""
        with self._lock:
            if self._pixels is None:
                self._pixels = spare.take(self._views * self._count, size, size, 3)
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


def group_size(span: int) -> int:
    """Samples of a group: `span` (see `kernels.mix.plan.span`), or a multiple of it."""
    return span * -(-LEAST // span)


def groups_of(count: int, views: int, span: int) -> list[Group]:
    """The samples of a batch of `count` in groups."""
    each = group_size(span)
    starts = range(0, count, each)
    return [Group(slice(start, min(start + each, count)), views) for start in starts]
