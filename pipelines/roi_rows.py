"""One thread's part of a batch, compiled: cut, decode, resize, finish row by row, without GIL.

A thread makes a whole picture before it takes the next one, so the pixels are still in its cache
when they are finished. Threads share a batch by an atomic counter: pictures differ a lot in cost.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from fasttricks.kernels.finish_numba import finish
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg_cut import cut, cut_bound, workspace_bytes
from fasttricks.kernels.jpeg_seek import SEEK
from fasttricks.kernels.resize import resize, scratch_bytes, support
from fasttricks.pipelines.native import pointer, take
from fasttricks.pipelines.turbojpeg import Handles, decompress

Bytes = npt.NDArray[np.uint8]
Part = tuple[int, int, int, int, int]

JPEG, PIXELS = 0, 1
UINT8 = -1  # a `form` beside those of finish_numba: stop before finishing

TASK = np.dtype(
    [
        ("data", "<u8"),
        ("size", "<i8"),
        ("kind", "<i8"),
        ("height", "<i8"),
        ("width", "<i8"),
        ("points", "<u8"),
        ("count", "<i8"),
    ]
)
"""What a row is made from: `size` bytes at address `data`, a JPEG or uint8 [height, width, 3]; and
the address and number of its seek points, `count` 0 where it is decoded whole."""


class Work(NamedTuple):
    """A batch of B rows, shared by the threads that make it."""

    counter: npt.NDArray[np.int64]
    """[1]: the next row that nobody has taken."""
    tasks: npt.NDArray[Any]
    """TASK [B]"""
    frames: npt.NDArray[Any]
    """FRAME [B], what the seek index knows of each file."""
    plans: npt.NDArray[Any]
    """SAMPLE [B]"""
    matrices: npt.NDArray[np.float32]
    """[B, 3, 4]"""
    out: npt.NDArray[Any]
    """[B, size, size, 3] as `finish` takes it; uint8 where `form` is UINT8."""
    form: int
    done: npt.NDArray[np.int64]
    """[B], set to 1 for rows that were made, left alone for those that PIL has to make."""


class Memory(NamedTuple):
    """What a thread needs of its own."""

    decoder: int
    """libturbojpeg's handle."""
    room: Bytes
    """Holds the largest decoded part."""
    scratch: Bytes
    """For `resize`."""
    small: Bytes
    """One output picture."""
    cut: Bytes
    """One cut JPEG."""
    workspace: Bytes
    """For `cut`."""


@kernel
def make_rows(work: Work, memory: Memory) -> None:
    """Make rows of a batch until none is left; several threads call it for the same batch."""
    size = work.out.shape[1]
    upright = np.zeros(1, np.uint8)
    room = np.uint64(memory.room.ctypes.data)
    row = take(np.uint64(work.counter.ctypes.data))
    while row < work.tasks.shape[0]:
        task, plan = work.tasks[row], work.plans[row]
        top, left, height, width, at = 0, 0, task.height, task.width, room
        if task.kind == PIXELS:
            at = task.data
        else:
            top, left, height, width, good = _decode(task, work.frames[row], plan, size, memory)
            if not good:
                row = take(np.uint64(work.counter.ctypes.data))
                continue
        pixels = numba.carray(pointer(at), (height, width, 3), np.uint8)
        target = memory.small.ctypes.data if work.form != UINT8 else work.out[row].ctypes.data
        picture = numba.carray(pointer(np.uint64(target)), (1, size, size, 3), np.uint8)
        resize_part(pixels, top, left, plan, picture[0], memory.scratch)
        if work.form != UINT8:
            one = work.matrices[row : row + 1]
            finish(picture, one, upright, work.out[row : row + 1], work.form, 0, 1)
        work.done[row] = 1
        row = take(np.uint64(work.counter.ctypes.data))


@kernel
def _decode(task: Any, frame: Any, plan: Any, size: int, memory: Memory) -> tuple[Any, ...]:
    """Decode what the plan needs, or the whole file, to `memory.room`.

    Returns:
        (top, left, height, width, good): which part of the picture is there; `good` is False if
        libturbojpeg complains about the whole file.
    """
    room = memory.room.ctypes.data
    if task.count > 0:
        first, last = support(plan.grid_top, size, plan.height, plan.grid_height)
        begin, end = support(plan.grid_left, size, plan.width, plan.grid_width)
        bytes_, top, left, height, width = cut(
            numba.carray(pointer(task.data), task.size, np.uint8),
            frame,
            numba.carray(pointer(task.points), task.count, SEEK),
            plan.top + first,
            plan.left + begin,
            last - first,
            end - begin,
            memory.cut,
            memory.workspace,
        )
        if bytes_ > 0 and 3 * height * width <= memory.room.size:
            here = memory.cut.ctypes.data
            if decompress(memory.decoder, here, bytes_, room, height, width):
                return top, left, height, width, True
    good = 3 * task.height * task.width <= memory.room.size and decompress(
        memory.decoder, np.int64(task.data), task.size, room, task.height, task.width
    )
    return np.int64(0), np.int64(0), np.int64(task.height), np.int64(task.width), good


@kernel
def resize_part(pixels: Bytes, top: int, left: int, plan: Any, out: Bytes, scratch: Bytes) -> None:
    """Carry out a plan's geometry on pixels that begin at (top, left) of the picture.

    In training more is there than the box, whose outside must not be seen; in evaluation the box is
    the whole picture, of which less is there.
    """
    first, begin = max(plan.top - top, 0), max(plan.left - left, 0)
    last = min(plan.top + plan.height - top, pixels.shape[0])
    end = min(plan.left + plan.width - left, pixels.shape[1])
    resize(
        pixels[first:last, begin:end],
        max(top - plan.top, 0),
        max(left - plan.left, 0),
        plan.height,
        plan.width,
        plan.grid_height,
        plan.grid_width,
        plan.grid_top,
        plan.grid_left,
        plan.flip,
        out,
        scratch,
    )


@kernel
def _needs(work: Work) -> tuple[int, int, int, int]:
    """Bytes that the rows may need of (room, scratch, cut, workspace)."""
    room, scratch, cut_, workspace, size = 0, 0, 0, 0, work.out.shape[1]
    for row in range(work.tasks.shape[0]):
        task, plan = work.tasks[row], work.plans[row]
        scratch = max(scratch, scratch_bytes(plan.height, plan.width, size, size))
        if task.kind == JPEG:
            room = max(room, 3 * task.height * task.width)
        if task.count > 0:
            cut_ = max(cut_, cut_bound(work.frames[row]))
            workspace = max(workspace, workspace_bytes(work.frames[row]))
    return room, scratch, cut_, workspace


class Thread:
    """A decoding thread's own decoder and memory, which only grows."""

    def __init__(self) -> None:
        self._handles = Handles(1)
        none = np.empty(0, np.uint8)
        self._memory = Memory(int(self._handles.addresses[0]), *[none] * 5)

    def make(self, work: Work) -> None:
        """Take part in making a batch."""
        room, scratch, cut_, workspace = _needs(work)
        size = work.out.shape[1]
        sizes = room, scratch, 3 * size * size, cut_, workspace
        grown = map(_at_least, self._memory[1:], sizes)
        self._memory = Memory(self._memory.decoder, *grown)
        make_rows(work, self._memory)


def _at_least(buffer: Bytes, size: int) -> Bytes:
    """The same buffer, or a larger one; pages that nothing is written to take no memory."""
    return buffer if len(buffer) >= size else np.empty(size, np.uint8)
