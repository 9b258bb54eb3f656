"""A thread of the roi pipeline with libturbojpeg, compiled: cut, decode, resize, finish, no GIL.

A thread makes a whole picture before it takes the next one, so the pixels are still in its cache
when they are finished.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from fasttricks.kernels.jit import kernel
from fasttricks.pipelines.decode.native import pointer
from fasttricks.pipelines.decode.picture import (
    PIXELS,
    Memory,
    Work,
    complete,
    cut_part,
    enough,
    resize_part,
    shrink_of,
)
from fasttricks.pipelines.decode.turbojpeg import Handles, decode, decompress

__all__ = ["NAME", "Memory", "Thread", "decode", "decode_part", "make_rows", "resize_part"]

NAME = "libturbojpeg"


@kernel
def make_rows(work: Work, memory: Memory) -> None:
    """Make all rows that can be made."""
    size = work.out.shape[1]
    for row in range(work.tasks.shape[0]):
        task, plan = work.tasks[row], work.plans[row]
        if task.kind == PIXELS:
            pixels = numba.carray(pointer(task.data), (task.height, task.width, 3), np.uint8)
            complete(work, row, pixels, 0, 0, 1, memory)
            continue
        shrink = shrink_of(plan, work.exact)
        frame = work.frames[row]
        top, left, height, width, good = decode_shrunk(task, frame, plan, size, shrink, memory)
        if good:
            room = np.uint64(memory.room.ctypes.data)
            pixels = numba.carray(pointer(room), (height, width, 3), np.uint8)
            complete(work, row, pixels, top, left, shrink, memory)


@kernel
def decode_part(task: Any, frame: Any, plan: Any, size: int, memory: Memory) -> tuple[Any, ...]:
    """Decode what the plan needs, or the whole file, to `memory.room`.

    Returns:
        (top, left, height, width, good): which part of the picture is there; `good` is False if
        libturbojpeg complains about the whole file.
    """
    return decode_shrunk(task, frame, plan, size, 1, memory)


@kernel
def decode_shrunk(
    task: Any, frame: Any, plan: Any, size: int, shrink: int, memory: Memory
) -> tuple[Any, ...]:
    """As `decode_part`; the height and width are those of what is there after shrinking."""
    room = memory.room.ctypes.data
    if task.count > 0:
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
    return np.int64(0), np.int64(0), np.int64(rows), np.int64(columns), good


class Thread:
    """A decoding thread's own decoder and memory, which only grows."""

    def __init__(self) -> None:
        self._handles = Handles(1)
        none = np.empty(0, np.uint8)
        self._memory = Memory(int(self._handles.addresses[0]), *[none] * 5)

    def make(self, work: Work) -> None:
        """Make the rows that libturbojpeg does not complain about."""
        self._memory = enough(self._memory, work)
        make_rows(work, self._memory)
