"""What the resident pipeline does to the rows of a batch, compiled: plan, crop, resize, finish.

Threads call these kernels for the same batch at the same time and share its rows by a counter in
memory, so that they end together however much the pictures differ in size. A row is finished while
its pixels are still in the thread's cache. Where pictures are mixed, threads share parts of the
batch that have no picture in common, and make the rows of one when an output needs them.
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
from fasttricks.kernels.mix.description import MIX
from fasttricks.kernels.mix.order import call_source, mix_order, source_of
from fasttricks.kernels.mix.plan import Mixing
from fasttricks.kernels.plan import SAMPLE, plan_color, plan_geometry
from fasttricks.kernels.resize import scratch_bytes, support
from fasttricks.kernels.rgb import copy
from fasttricks.kernels.stage import apply_row, stage_bytes
from fasttricks.pipelines.decode.native import pointer, prefetch, take
from fasttricks.pipelines.decode.picture import UINT8, resize_part

Bytes = npt.NDArray[np.uint8]

_AHEAD = 4  # rows
_CACHE_LINE = 64

PLACE = np.dtype([("address", "<u8"), ("height", "<i8"), ("width", "<i8")])
"""Where a decoded picture is: uint8 [height, width, 3] without gaps at `address`."""


class Mixes(NamedTuple):
    """What the rows of a batch are mixed to, B outputs."""

    mixes: npt.NDArray[Any]
    """MIX [B], right as what `plan_mix` draws."""
    outputs: npt.NDArray[np.int64]
    """As in `Order`, as is what follows."""
    starts: npt.NDArray[np.int64]
    uses: npt.NDArray[np.int64]
    """Lowered as the outputs are made."""
    slots: npt.NDArray[np.int64]
    """[R], where among its thread's pictures a row is; -1: it is not made yet."""


def mixes_of(mixing: Mixing, rows: int) -> Mixes:
    """What was drawn for a batch of R rows."""
    order = mix_order(mixing.mixes, rows)
    return Mixes(mixing.mixes, *order, slots=np.full(rows, -1))


class Rows(NamedTuple):
    """A batch of b samples, R = views * b rows, view-major."""

    seed: np.uint64
    epoch: int
    params: PlanParams
    samples: npt.NDArray[np.int64]
    """[b], by whose numbers rows are planned."""
    places: npt.NDArray[Any]
    """PLACE [b]; the pixels have to outlive this."""
    stages: npt.NDArray[Any] | None
    """STEP [R, STEPS], what is done to uint8 pixels; None: nothing."""
    out: npt.NDArray[Any]
    """[R, size, size, 3], or [B, ...] if mixed, as `finish` takes it; uint8 where `form` is
    UINT8."""
    form: int
    """One of those of `finish_numba`; UINT8 to stop before finishing."""
    matrices: npt.NDArray[np.float32]
    """[R, 3, 4], written: what finishes, or would finish, the rows."""
    next: npt.NDArray[np.int64]
    """[1], the first row, or part to be mixed, that nobody has taken yet; 0 to begin with."""


class Memory(NamedTuple):
    """What a thread needs of its own."""

    near: Bytes
    """What a plan needs of a picture."""
    scratch: Bytes
    """For `resize`."""
    small: Bytes
    """Pictures of the batch, uint8 [n, size, size, 3]: one, or as many as are mixed together."""
    stage: Bytes
    """For `apply_row`."""


def memory_for(places: npt.NDArray[Any], size: int, together: int = 1) -> Memory:
    """Enough for any of these pictures, PLACE [N], of which so many samples are mixed together.
    Pages that are not written to take none."""
    height, width = places["height"], places["width"]
    scratch = int(scratch_bytes(height.max(), width.max(), size, size))
    return Memory(
        near=np.empty(3 * int((height * width).max()), np.uint8),
        scratch=np.empty(scratch, np.uint8),
        small=np.empty((together, size, size, 3), np.uint8),
        stage=np.empty(stage_bytes(size, size), np.uint8),
    )


@kernel
def picture_at(address: int, height: int, width: int) -> Bytes:
    """uint8 [height, width, 3] that begins at an address."""
    return numba.carray(pointer(address), (height, width, 3), np.uint8)


@kernel
def make_rows(work: Rows, memory: Memory) -> int:
    """Make rows until none is left to take. Returns how many this call made."""
    plans = np.empty(1, SAMPLE)  # not a record alone: in numba that does not keep its array alive
    upright, made = np.zeros(1, np.uint8), 0
    row = take(np.uint64(work.next.ctypes.data))
    while row < work.out.shape[0]:
        last = row + 1
        if work.form == UINT8:
            _make(work, row, plans[0], work.out[row].ctypes.data, memory)
        else:
            _make(work, row, plans[0], memory.small.ctypes.data, memory)
            matrix, out = work.matrices[row:last], work.out[row:last]
            finish(memory.small[:1], matrix, upright, out, work.form, 0, 1)
        made += 1
        row = take(np.uint64(work.next.ctypes.data))
    return made


@kernel
def _make(work: Rows, row: int, plan: Any, target: int, memory: Memory) -> None:
    """Make a row up to its uint8 pixels, at an address."""
    view, position = divmod(row, work.samples.shape[0])
    place, sample = work.places[position], work.samples[position]
    height, width, size = place.height, place.width, work.out.shape[1]
    plan_geometry(work.seed, work.epoch, sample, view, height, width, work.params, plan)
    plan_color(work.seed, work.epoch, sample, view, work.params, work.matrices[row])
    pixels, top, left = near_part(picture_at(place.address, height, width), size, plan, memory.near)
    picture = picture_at(np.uint64(target), size, size)
    resize_part(pixels, top, left, plan, picture, memory.scratch)
    apply_row(picture, work.stages, row, memory.stage)


@kernel
def make_mixed(work: Rows, mixes: Mixes, memory: Memory) -> int:
    """Make outputs, part by part, until none is left. Returns how many this call made.

    A thread has as many pictures in `memory.small` as it needs at a time, whose places it uses
    again: few, so that they stay in its cache.
    """
    plans, places = np.empty(1, SAMPLE), memory.small.shape[0]
    matrices, upright = np.empty((places, 3, 4), np.float32), np.zeros(places, np.uint8)
    free, count, made = np.arange(places), places, 0
    one = np.empty(1, MIX)
    part = take(np.uint64(work.next.ctypes.data))
    while part < mixes.starts.shape[0] - 1:
        for output in mixes.outputs[mixes.starts[part] : mixes.starts[part + 1]]:
            one[0] = mixes.mixes[output]
            for number in range(one[0].count + 1):
                row = source_of(mixes.mixes, output, number)
                if row >= 0:
                    if mixes.slots[row] < 0:
                        count -= 1
                        slot = free[count]
                        mixes.slots[row] = slot
                        _make(work, row, plans[0], memory.small[slot].ctypes.data, memory)
                        # Not `matrices[slot] = ...`: numba compiles for seconds what such an
                        # assignment says where shapes differ.
                        matrix = np.int64(work.matrices[row].ctypes.data)
                        copy(np.int64(matrices[slot].ctypes.data), matrix, matrices.strides[0])
                    call_source(one, 0, number, mixes.slots[row])
            out = work.out[output : output + 1]
            finish_mixed(memory.small, matrices, upright, one, out, work.form, 0, 1)
            for number in range(one[0].count + 1):
                row = source_of(mixes.mixes, output, number)
                if row >= 0:
                    mixes.uses[row] -= 1
                    if mixes.uses[row] == 0:
                        free[count] = mixes.slots[row]
                        count += 1
            made += 1
        part = take(np.uint64(work.next.ctypes.data))
    return made


@kernel
def near_part(picture: Bytes, size: int, plan: Any, near: Bytes) -> tuple[Bytes, int, int]:
    """Copy what a plan needs of a picture to `near`: those pixels, and where in it they begin.

    Pictures come from memory, not from a cache, and `resize` reads rows a few bytes at a time,
    several at once: on its own it would wait for memory longer than it works. Copied first, with
    rows asked for before it is their turn, a picture takes two thirds of the time.
    """
    how = plan.interpolation
    first, last = support(plan.grid_top, size, plan.height, plan.grid_height, how)
    begin, end = support(plan.grid_left, size, plan.width, plan.grid_width, how)
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
