"""What the resident pipeline does to the rows of a batch, compiled: plan, crop, resize, finish.

Threads call these kernels for the same batch at the same time and share its rows by a counter in
memory, so that they end together however much the pictures differ in size. A row is finished while
its pixels are still in the thread's cache; only mixing has to wait for all of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from fasttricks.kernels.augment import PlanParams
from fasttricks.kernels.finish_numba import finish, finish_mixed
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.lanes import LANES
from fasttricks.kernels.plan import SAMPLE, plan_color, plan_geometry
from fasttricks.kernels.resize import scratch_bytes, support
from fasttricks.kernels.rgb import copy
from fasttricks.kernels.stage import apply_stage, stage_bytes
from fasttricks.pipelines.native import pointer, prefetch, take
from fasttricks.pipelines.roi_picture import UINT8, resize_part

Bytes = npt.NDArray[np.uint8]

_AHEAD = 4  # rows
_CACHE_LINE = 64

PLACE = np.dtype([("address", "<u8"), ("height", "<i8"), ("width", "<i8")])
"""Where a decoded picture is: uint8 [height, width, 3] without gaps at `address`."""


class Rows(NamedTuple):
    """A batch of b samples, R = views * b rows, view-major."""

    seed: np.uint64
    epoch: int
    params: PlanParams
    samples: npt.NDArray[np.int64]
    """[b], by whose numbers rows are planned."""
    places: npt.NDArray[Any]
    """PLACE [b]; the pixels have to outlive this."""
    stages: npt.NDArray[Any]
    """STEP [R, STEPS], what is done to uint8 pixels; [0, STEPS]: nothing."""
    out: npt.NDArray[Any]
    """[R, size, size, 3] as `finish` takes it; uint8 where `form` is UINT8."""
    form: int
    """One of those of `finish_numba`; UINT8 to stop before finishing."""
    matrices: npt.NDArray[np.float32]
    """[R, 3, 4], written: what finishes, or would finish, the rows."""
    next: npt.NDArray[np.int64]
    """[1], the first row that nobody has taken yet; 0 to begin with."""


class Mixes(NamedTuple):
    """A batch whose R rows are there as uint8, to be finished and mixed to B outputs."""

    pixels: Bytes
    """[R, size, size, 3]"""
    matrices: npt.NDArray[np.float32]
    """[R, 3, 4]"""
    mixes: npt.NDArray[Any]
    """MIX [B], checked."""
    out: npt.NDArray[Any]
    """[B, size, size, 3]"""
    form: int
    next: npt.NDArray[np.int64]
    """[1], as for `Rows`."""


class Memory(NamedTuple):
    """What a thread needs of its own."""

    near: Bytes
    """What a plan needs of a picture."""
    scratch: Bytes
    """For `resize`."""
    small: Bytes
    """One output picture."""
    stage: Bytes
    """For `apply_stage`."""


def memory_for(places: npt.NDArray[Any], size: int) -> Memory:
    """Enough for any of these pictures, PLACE [N]. Pages that are not written to take none."""
    height, width = places["height"], places["width"]
    scratch = int(scratch_bytes(height.max(), width.max(), size, size))
    near, small = 3 * int((height * width).max()), 3 * size * size
    sizes = near, scratch, small, stage_bytes(size, size)
    return Memory(*(np.empty(bytes_, np.uint8) for bytes_ in sizes))


@kernel
def picture_at(address: int, height: int, width: int) -> Bytes:
    """uint8 [height, width, 3] that begins at an address."""
    return numba.carray(pointer(address), (height, width, 3), np.uint8)


@kernel
def make_rows(work: Rows, memory: Memory) -> int:
    """Make rows until none is left to take; how many it were."""
    plans = np.empty(1, SAMPLE)  # not a record alone: in numba that does not keep its array alive
    rows, made = work.out.shape[0], 0
    row = take(np.uint64(work.next.ctypes.data))
    while row < rows:
        _make(work, row, plans[0], memory)
        made += 1
        row = take(np.uint64(work.next.ctypes.data))
    return made


@kernel
def _make(work: Rows, row: int, plan: Any, memory: Memory) -> None:
    view, position = divmod(row, work.samples.shape[0])
    place, sample = work.places[position], work.samples[position]
    height, width, size = place.height, place.width, work.out.shape[1]
    plan_geometry(work.seed, work.epoch, sample, view, height, width, work.params, plan)
    plan_color(work.seed, work.epoch, sample, view, work.params, work.matrices[row])
    pixels, top, left = near_part(picture_at(place.address, height, width), size, plan, memory.near)
    target = memory.small.ctypes.data if work.form != UINT8 else work.out[row].ctypes.data
    picture = numba.carray(pointer(np.uint64(target)), (1, size, size, 3), np.uint8)
    resize_part(pixels, top, left, plan, picture[0], memory.scratch)
    if work.stages.shape[0]:
        apply_stage(picture[0], work.stages[row], memory.stage)
    if work.form != UINT8:
        upright = np.zeros(1, np.uint8)
        last = row + 1
        finish(picture, work.matrices[row:last], upright, work.out[row:last], work.form, 0, 1)


@kernel
def near_part(picture: Bytes, size: int, plan: Any, near: Bytes) -> tuple[Bytes, int, int]:
    """Copy what a plan needs of a picture to `near`: those pixels, and where in it they begin.

    Pictures come from memory, not from a cache, and `resize` reads rows a few bytes at a time,
    several at once: on its own it would wait for memory longer than it works. Copied first, with
    rows asked for before it is their turn, a picture takes two thirds of the time.
    """
    first, last = support(plan.grid_top, size, plan.height, plan.grid_height)
    begin, end = support(plan.grid_left, size, plan.width, plan.grid_width)
    top, left, line = plan.top + first, plan.left + begin, 3 * (end - begin)
    if line < LANES:  # `resize` would go another way, whose rounding is not the same
        return picture, 0, 0
    source = np.int64(picture.ctypes.data) + top * picture.strides[0] + 3 * left
    target = np.int64(near.ctypes.data)
    for row in range(min(_AHEAD, last - first)):
        _ask_for(source + row * picture.strides[0], line)
    for row in range(last - first):
        if row + _AHEAD < last - first:
            _ask_for(source + (row + _AHEAD) * picture.strides[0], line)
        copy(target + row * line, source + row * picture.strides[0], line)
    return picture_at(np.uint64(target), last - first, end - begin), top, left


@kernel
def _ask_for(address: int, size: int) -> None:
    for line in range(0, size + _CACHE_LINE - 1, _CACHE_LINE):
        prefetch(address + line)


@kernel
def mix_rows(work: Mixes) -> int:
    """Finish and mix outputs until none is left to take; how many it were."""
    upright, made = np.zeros(work.pixels.shape[0], np.uint8), 0
    row = take(np.uint64(work.next.ctypes.data))
    while row < work.out.shape[0]:
        last = row + 1
        finish_mixed(
            work.pixels, work.matrices, upright, work.mixes, work.out, work.form, row, last
        )
        made += 1
        row = take(np.uint64(work.next.ctypes.data))
    return made
