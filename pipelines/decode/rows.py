"""Rows made by one thread, compiled: decode, resize, finish, no GIL; for roi and ffcv.

libturbojpeg decodes what our own kernel leaves to it: of a cut where there are seek points.

A thread makes a whole picture before it takes the next one, so the pixels are still in its cache
when they are finished.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import i64
from fasttricks.kernels.mix.order import source_of
from fasttricks.kernels.mix.pool import empty_pool, finish_output, reserve
from fasttricks.kernels.native import pointer
from fasttricks.pipelines.decode.picture import (
    PIXELS,
    UINT8,
    Memory,
    Mixture,
    Part,
    Work,
    complete,
    cut_part,
    decode_part,
    enough,
    resize_part,
    shrink_of,
)
from fasttricks.pipelines.decode.turbojpeg import Handles, decode, decompress

__all__ = ["NAME", "Memory", "Worker", "decode", "decode_shrunk", "make_rows", "resize_part"]

NAME = "libturbojpeg"


@kernel
def make_rows(work: Work, memory: Memory) -> None:
    """Make all rows that can be made."""
    for row in range(work.tasks.shape[0]):
        _make(work, row, memory)


@kernel
def make_mixed(work: Work, mixture: Mixture, memory: Memory) -> bool:
    """Make the outputs of a mixture; False, and some of them are missing, if a row cannot be made.

    Args:
        work: the rows of the mixture's samples, in all views, as UINT8; its `slots` are written.
            Its `out` has places for pictures.
    """
    pool, wanted = empty_pool(work.out), mixture.wanted
    for output in mixture.outputs:
        for number in range(wanted.mixes[output].count + 1):
            row = source_of(wanted.mixes, output, number)
            if row >= 0 and wanted.places[row] < 0:
                # Rows of the batch are view-major, and so are those of the work, which has fewer.
                view, position = divmod(row, mixture.batch)
                here = view * mixture.length + position - mixture.first
                work.slots[here] = reserve(wanted, row, pool)
                if not _make(work, here, memory):
                    return False
        finish_output(wanted, output, pool, mixture.matrices, mixture.out, mixture.form)
    return True


@kernel
def _make(work: Work, row: int, memory: Memory) -> bool:
    """Make a row; False if libturbojpeg complains about it."""
    task, plan, size = work.tasks[row], work.plans[row], work.out.shape[1]
    if task.kind == PIXELS:
        pixels = numba.carray(pointer(task.data), (task.height, task.width, 3), np.uint8)
        complete(work, row, pixels, 0, 0, 1, memory)
        return True
    shrink, frame = shrink_of(plan, work.exact), work.frames[row]
    top, left, height, width, good = decode_shrunk(task, frame, plan, size, shrink, memory)
    if good:
        room = np.uint64(memory.room.ctypes.data)
        pixels = numba.carray(pointer(room), (height, width, 3), np.uint8)
        complete(work, row, pixels, top, left, shrink, memory)
    return bool(good)


@kernel
def decode_shrunk(task: Any, frame: Any, plan: Any, size: int, shrink: int, memory: Memory) -> Part:
    """Decode what a plan needs, or the whole file, to `memory.room`.

    Returns:
        (top, left, height, width, good): which part of the picture is there, its size that of what
        is left after shrinking; `good` is False if libturbojpeg complains about the whole file.
    """
    room = memory.room.ctypes.data
    if task.count > 0:
        if shrink == 1:
            top, left, height, width, good = decode_part(task, frame, plan, size, memory)
            if good:
                return top, left, height, width, True
        bytes_, top, left, height, width = cut_part(task, frame, plan, size, shrink, memory)
        height, width = -(-height // shrink), -(-width // shrink)
        if bytes_ > 0 and 3 * height * width <= memory.room.size:
            here = memory.cut.ctypes.data
            if decompress(memory.decoder, here, bytes_, room, height, width):
                return top, left, height, width, True
    rows, columns = -(-task.height // shrink), -(-task.width // shrink)
    good = 3 * rows * columns <= memory.room.size and decompress(
        memory.decoder, np.int64(task.data), task.size, room, rows, columns
    )
    return i64(0), i64(0), i64(rows), i64(columns), bool(good)


class Worker:
    """A decoding thread's own decoder and memory, which only grows."""

    def __init__(self) -> None:
        self._handles = Handles(1)
        none = np.empty(0, np.uint8)
        self._memory = Memory(int(self._handles.addresses[0]), *[none] * 5)

    def make(self, work: Work) -> None:
        """Make the rows that libturbojpeg does not complain about."""
        self._memory = enough(self._memory, work)
        make_rows(work, self._memory)

    def make_mixed(self, work: Work, mixture: Mixture) -> bool:
        """Make a mixture out of these rows; False if it complains about one."""
        count, size = len(work.tasks), work.out.shape[1]
        self._memory = memory = enough(self._memory, work, count)
        pictures = memory.small[: 3 * count * size * size].reshape(count, size, size, 3)
        return make_mixed(work._replace(out=pictures, form=UINT8), mixture, memory)
