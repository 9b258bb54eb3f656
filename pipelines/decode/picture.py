"""One picture, compiled: what is decoded of it, and all that follows.

What a plan needs of an ordinary JPEG with seek points is decoded by a kernel of ours; other files
are left to the callers: `decode.rows` has libturbojpeg for them, `decode.simple` simplejpeg.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from fasttricks.kernels.finish_numba import finish
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.cut import cut, cut_bound
from fasttricks.kernels.jpeg.cut import workspace_bytes as cut_workspace
from fasttricks.kernels.jpeg.decode import decode, workspace_bound
from fasttricks.kernels.jpeg.planes import SPILL
from fasttricks.kernels.jpeg.seek import SEEK
from fasttricks.kernels.mix.pool import Wanted
from fasttricks.kernels.native import pointer
from fasttricks.kernels.ops.apply import apply_row, ops_bytes
from fasttricks.kernels.resize import resize, scratch_bytes, support

Bytes = npt.NDArray[np.uint8]
Cut = tuple[int, int, int, int, int]
Part = tuple[int, int, int, int, bool]

JPEG, PIXELS = 0, 1
UINT8 = -1  # a `form` beside those of finish_numba: stop before finishing
LEAST_SHRUNK = 8  # output pixels on each axis: scales of fewer cannot be told apart by their sizes

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
    """Some rows of a batch, R of its B, for one thread to make."""

    tasks: npt.NDArray[Any]
    """TASK [R]"""
    frames: npt.NDArray[Any]
    """FRAME [R], what the seek index knows of each file."""
    plans: npt.NDArray[Any]
    """SAMPLE [R]"""
    matrices: npt.NDArray[np.float32]
    """[R, 3, 4]"""
    ops: npt.NDArray[Any] | None
    """STEP [R, STEPS], what is done to uint8 pixels; None: nothing."""
    slots: npt.NDArray[np.int64]
    """[R], which rows of the batch they are."""
    out: npt.NDArray[Any]
    """[B, size, size, 3] as `finish` takes it; uint8 where `form` is UINT8."""
    form: int
    exact: int
    """0: pictures may be decoded at a smaller scale."""
    done: npt.NDArray[np.int64]
    """[R], set to 1 for rows that were made, left alone for those that PIL has to make."""


class Mixture(NamedTuple):
    """g samples of a batch of b that are mixed with each other only, in all their views."""

    wanted: Wanted
    """What the batch's rows are mixed to."""
    outputs: npt.NDArray[np.int64]
    """Those that are made of these samples, in the order in which to make them."""
    first: int
    """The first of the samples."""
    length: int
    """g"""
    batch: int
    """b"""
    matrices: npt.NDArray[np.float32]
    """[R, 3, 4], of all rows of the batch."""
    out: npt.NDArray[Any]
    """[B, size, size, 3], the batch as `finish_mixed` takes it with `form`."""
    form: int


class Memory(NamedTuple):
    """What a thread needs of its own."""

    decoder: int
    """libturbojpeg's handle."""
    room: Bytes
    """Holds the largest decoded part."""
    scratch: Bytes
    """For `resize`, and then for `apply_row`."""
    small: Bytes
    """Output pictures: one, or as many as are mixed."""
    cut: Bytes
    """One cut JPEG."""
    workspace: Bytes
    """For `decode`, or for `cut`."""


@kernel
def shrink_of(plan: Any, exact: int) -> int:
    """By how much a picture may be shrunk while it is decoded: 1, 2, 4 or 8.

    The most with which the box still has as many pixels as the grid that it is resized to, on both
    axes, so that resizing never has to enlarge what shrinking has thrown away.
    """
    if exact or min(plan.grid_height, plan.grid_width) < LEAST_SHRUNK:
        return 1
    most = min(plan.height // plan.grid_height, plan.width // plan.grid_width)
    return 8 if most >= 8 else 4 if most >= 4 else 2 if most >= 2 else 1


@kernel
def part_of(task: Any, plan: Any, size: int, shrink: int) -> tuple[int, int, int, int]:
    """What a plan needs of a picture: (top, left, height, width).

    Where the picture is to be shrunk, more is needed: the filter then reaches whole pixels of the
    shrunken picture, and those are made from one neighbour in chroma.
    """
    how = plan.interpolation
    first, last = support(plan.grid_top, size, plan.height, plan.grid_height, how)
    begin, end = support(plan.grid_left, size, plan.width, plan.grid_width, how)
    margin = 3 * shrink if shrink > 1 else 0
    top, left = max(0, plan.top + first - margin), max(0, plan.left + begin - margin)
    bottom = min(task.height, plan.top + last + margin)
    right = min(task.width, plan.left + end + margin)
    return top, left, bottom - top, right - left


@kernel
def cut_part(task: Any, frame: Any, plan: Any, size: int, shrink: int, memory: Memory) -> Cut:
    """Cut what a plan needs out of a JPEG, to `memory.cut`: `cut`'s result."""
    data = numba.carray(pointer(task.data), task.size, np.uint8)
    points = numba.carray(pointer(task.points), task.count, SEEK)
    top, left, height, width = part_of(task, plan, size, shrink)
    return cut(data, frame, points, top, left, height, width, memory.cut, memory.workspace)


@kernel
def decode_part(task: Any, frame: Any, plan: Any, size: int, memory: Memory) -> Part:
    """Decode what a plan needs of a JPEG, to `memory.room`: (top, left, height, width, good).

    `good` is False where it is left to libjpeg-turbo, see `kernels.jpeg.decode`.
    """
    data = numba.carray(pointer(task.data), task.size, np.uint8)
    points = numba.carray(pointer(task.points), task.count, SEEK)
    top, left, height, width = part_of(task, plan, size, 1)
    good = decode(data, frame, points, top, left, height, width, memory.room, memory.workspace)
    return top, left, height, width, good


@kernel
def complete(
    work: Work, row: int, pixels: Bytes, top: int, left: int, shrink: int, memory: Memory
) -> None:
    """Make a row from decoded pixels, which begin at (top, left) of the picture as stored."""
    size, slot, plan = work.out.shape[1], work.slots[row], work.plans[row]
    target = memory.small.ctypes.data if work.form != UINT8 else work.out[slot].ctypes.data
    picture = numba.carray(pointer(np.uint64(target)), (1, size, size, 3), np.uint8)
    if shrink == 1:
        resize_part(pixels, top, left, plan, picture[0], memory.scratch)
    else:
        resize_shrunk(pixels, top, left, shrink, plan, picture[0], memory.scratch)
    apply_row(picture[0], work.ops, row, memory.scratch)
    if work.form != UINT8:
        upright = np.zeros(1, np.uint8)
        one = work.matrices[row : row + 1]
        finish(picture, one, upright, work.out[slot : slot + 1], work.form, 0, 1)
    work.done[row] = 1


@kernel
def resize_part(
    pixels: Bytes,
    top: int,
    left: int,
    plan: Any,
    out: Bytes,
    scratch: Bytes,
    cold: bool = False,
) -> None:
    """Carry out a plan's geometry on pixels that begin at (top, left) of the picture.

    In training more is there than the box, whose outside must not be seen; in evaluation the box is
    the whole picture, of which less is there. cold: the pixels are in no cache, see `resize`.
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
        plan.interpolation,
        out,
        scratch,
        cold,
    )


@kernel
def resize_shrunk(
    pixels: Bytes, top: int, left: int, shrink: int, plan: Any, out: Bytes, scratch: Bytes
) -> None:
    """As `resize_part`, of pixels that were shrunk `shrink` times while they were decoded.

    Each stands for shrink x shrink pixels of the picture. The box is where it was, so its edges are
    fractions of these; a pixel belongs to the box if its centre does.

    Args:
        top, left: of the picture as stored, multiples of `shrink`.
    """
    first, last, above = _inside(plan.top, plan.height, top, shrink, pixels.shape[0])
    begin, end, before = _inside(plan.left, plan.width, left, shrink, pixels.shape[1])
    resize(
        pixels[first:last, begin:end],
        above,
        before,
        plan.height / shrink,
        plan.width / shrink,
        plan.grid_height,
        plan.grid_width,
        plan.grid_top,
        plan.grid_left,
        plan.flip,
        plan.interpolation,
        out,
        scratch,
    )


@kernel
def _inside(
    start: int, size: int, origin: int, shrink: int, available: int
) -> tuple[int, int, float]:
    """Along one axis, the half-open range of shrunken pixels inside the box [start, start + size),
    and how far behind the box's begin the first of them begins, in such pixels."""
    here = origin // shrink
    first = max(0, math.ceil(start / shrink - 0.5) - here)
    last = min(available, math.ceil((start + size) / shrink - 0.5) - here)
    return first, last, here + first - start / shrink


@kernel
def room_bytes(height: int, width: int) -> int:
    """Bytes of `Memory.room` for any part of a picture."""
    return 3 * height * width + SPILL


@kernel
def workspace_bytes(frame: Any) -> int:
    """Bytes of `Memory.workspace` for any part of a file with seek points."""
    return max(workspace_bound(frame), cut_workspace(frame))


@kernel
def needs(work: Work) -> tuple[int, int, int, int, int]:
    """Bytes that the rows may need of (room, scratch, small, cut, workspace)."""
    room, cut_, workspace, size = 0, 0, 0, work.out.shape[1]
    scratch = ops_bytes(size, size)
    for row in range(work.tasks.shape[0]):
        task, plan = work.tasks[row], work.plans[row]
        scratch = max(scratch, scratch_bytes(plan.height, plan.width, size, size))
        if task.kind == JPEG:
            room = max(room, room_bytes(task.height, task.width))
        if task.count > 0:
            cut_ = max(cut_, cut_bound(work.frames[row]))
            workspace = max(workspace, workspace_bytes(work.frames[row]))
    return room, scratch, 3 * size * size, cut_, workspace


def enough(memory: Memory, work: Work, pictures: int = 1) -> Memory:
    """The same memory, or more where the work needs it, with this many output pictures."""
    room, scratch, small, *cut_ = needs(work)
    sizes = room, scratch, pictures * small, *cut_
    return Memory(memory.decoder, *map(_at_least, memory[1:], sizes))


def _at_least(buffer: Bytes, size: int) -> Bytes:
    """The same buffer, or a larger one; pages that nothing is written to take no memory."""
    return buffer if len(buffer) >= size else np.empty(size, np.uint8)
