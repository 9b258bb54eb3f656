"""Rows made with the simplejpeg wheel, for roi and resident on machines without libturbojpeg.

The wheel brings a libjpeg-turbo of its own, set up as PIL's: the same pixels. For what our own
kernel does not decode it is called from Python, once for each picture, and lets other threads run
meanwhile.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numba
import numpy as np
import simplejpeg

from fasttricks.errors import DataError
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.native import pointer
from fasttricks.pipelines.decode.picture import (
    PIXELS,
    Bytes,
    Memory,
    Mixture,
    Work,
    complete,
    cut_part,
    decode_part,
    enough,
    shrink_of,
)

__all__ = ["NAME", "Worker", "decode"]

NAME = f"simplejpeg {version('simplejpeg')}"


class Worker:
    """A decoding thread's own memory, which only grows."""

    def __init__(self) -> None:
        self._memory = Memory(0, *[np.empty(0, np.uint8)] * 5)

    def make(self, work: Work) -> None:
        """Make the rows that the decoder does not complain about."""
        self._memory = enough(self._memory, work)
        for row in range(len(work.tasks)):
            task = work.tasks[row]
            if task["kind"] == PIXELS:
                _complete_stored(work, row, self._memory)
            else:
                self._make(work, row, task)

    def make_mixed(self, work: Work, mixture: Mixture) -> bool:
        """Nothing: between two pictures it comes back to Python anyway."""
        return False

    def _make(self, work: Work, row: int, task: Any) -> None:
        memory = self._memory
        if _make_ordinary(work, row, memory):
            return
        bytes_, top, left, height, width, shrink = _cut_row(work, row, memory)
        pixels = None
        if bytes_:
            pixels = _decoded(memory.cut[:bytes_], height, width, shrink, memory.room)
        if pixels is None:
            top, left, height, width = 0, 0, int(task["height"]), int(task["width"])
            data = _bytes_at(int(task["data"]), int(task["size"]))
            pixels = _decoded(data, height, width, shrink, memory.room)
        if pixels is not None:
            complete(work, row, pixels, top, left, shrink, memory)


def decode(data: bytes | Bytes, height: int, width: int) -> Bytes:
    """Decode one JPEG of known size to uint8 [height, width, 3] RGB.

    Raises:
        DataError: it cannot be decoded, or has damage that the decoder warns of; says which.
    """
    room = np.empty(3 * height * width, np.uint8)
    try:
        return _decode(np.frombuffer(data, np.uint8), height, width, 1, room)
    except ValueError as error:
        raise DataError(f"simplejpeg: {error}") from error


def _decoded(data: Bytes, height: int, width: int, shrink: int, room: Bytes) -> Bytes | None:
    try:
        return _decode(data, height, width, shrink, room)
    except ValueError:
        return None


def _decode(data: Bytes, height: int, width: int, shrink: int, room: Bytes) -> Bytes:
    """uint8 [ceil(height / shrink), ceil(width / shrink), 3] in `room`; ValueError if damaged."""
    rows, columns = -(-height // shrink), -(-width // shrink)
    if 3 * rows * columns > room.size:
        raise ValueError("larger than its header says")
    pixels: Bytes = simplejpeg.decode_jpeg(
        data,
        "RGB",
        fastdct=False,
        fastupsample=False,
        min_height=rows if shrink > 1 else 0,
        min_width=columns if shrink > 1 else 0,
        min_factor=shrink,
        buffer=room,
        strict=True,
    )
    if pixels.shape != (rows, columns, 3):
        raise ValueError(f"{list(pixels.shape)} pixels where {rows} x {columns} were expected")
    return pixels


def _bytes_at(address: int, size: int) -> Bytes:
    """A view of memory that a task holds the address of."""
    return _view(np.uint64(address), size)


@kernel
def _view(address: int, size: int) -> Bytes:
    return numba.carray(pointer(address), size, np.uint8)


@kernel
def _make_ordinary(work: Work, row: int, memory: Memory) -> bool:
    """Make a row whose file our own kernel decodes; False if it does not."""
    task, plan, size = work.tasks[row], work.plans[row], work.out.shape[1]
    if task.count == 0 or shrink_of(plan, work.exact) > 1:
        return False
    top, left, height, width, good = decode_part(task, work.frames[row], plan, size, memory)
    if good:
        room = np.uint64(memory.room.ctypes.data)
        pixels = numba.carray(pointer(room), (height, width, 3), np.uint8)
        complete(work, row, pixels, top, left, 1, memory)
    return bool(good)


@kernel
def _cut_row(work: Work, row: int, memory: Memory) -> tuple[int, int, int, int, int, int]:
    """What `cut` gives for a row, all 0 if it is to be decoded whole; and by how much to shrink."""
    task, plan = work.tasks[row], work.plans[row]
    shrink = shrink_of(plan, work.exact)
    if task.count == 0:
        return 0, 0, 0, 0, 0, shrink
    frame, size = work.frames[row], work.out.shape[1]
    bytes_, top, left, height, width = cut_part(task, frame, plan, size, shrink, memory)
    return bytes_, top, left, height, width, shrink


@kernel
def _complete_stored(work: Work, row: int, memory: Memory) -> None:
    """Make a row from pixels that are there already."""
    task = work.tasks[row]
    pixels = numba.carray(pointer(task.data), (task.height, task.width, 3), np.uint8)
    complete(work, row, pixels, 0, 0, 1, memory)
