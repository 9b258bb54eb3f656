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
from fasttricks.kernels.finish_numba import finish
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.mix.order import source_of
from fasttricks.kernels.mix.pool import Wanted, empty_pool, finish_output, reserve
from fasttricks.kernels.native import fetch_add, pointer
from fasttricks.kernels.ops.apply import apply_row, ops_bytes
from fasttricks.kernels.plan import SAMPLE, plan_color, plan_geometry
from fasttricks.kernels.resize import scratch_bytes
from fasttricks.pipelines.decode.picture import UINT8, resize_part

Bytes = npt.NDArray[np.uint8]

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
    ops: npt.NDArray[Any] | None
    """STEP [R, STEPS], what is done to uint8 pixels; None: nothing."""
    out: npt.NDArray[Any]
    """[R, size, size, 3], or [B, ...] if mixed, as `finish` takes it; uint8 where `form` is
    UINT8."""
    form: int
    """One of those of `finish_numba`; UINT8 to stop before finishing."""
    matrices: npt.NDArray[np.float32]
    """[R, 3, 4], written: what finishes, or would finish, the rows."""
    next: npt.NDArray[np.int64]
    """[1], the first row, or part to be mixed, that no thread has taken yet; 0 to begin with."""


class Memory(NamedTuple):
    """What a thread needs of its own."""

    scratch: Bytes
    """For `resize`."""
    small: Bytes
    """Pictures of the batch, uint8 [n, size, size, 3]: one, or as many as are mixed together."""
    workspace: Bytes
    """For `apply_row`."""


def memory_for(places: npt.NDArray[Any], size: int, together: int = 1) -> Memory:
    """Enough for any of these pictures, PLACE [N], of which this many samples are mixed together.
    Pages that are not written to take none."""
    height, width = places["height"], places["width"]
    scratch = int(scratch_bytes(height.max(), width.max(), size, size))
    return Memory(
        scratch=np.empty(scratch, np.uint8),
        small=np.empty((together, size, size, 3), np.uint8),
        workspace=np.empty(ops_bytes(size, size), np.uint8),
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
    row = fetch_add(np.uint64(work.next.ctypes.data))
    while row < work.out.shape[0]:
        last = row + 1
        if work.form == UINT8:
            _make(work, row, plans[0], work.out[row].ctypes.data, memory)
        else:
            _make(work, row, plans[0], memory.small.ctypes.data, memory)
            matrix, out = work.matrices[row:last], work.out[row:last]
            finish(memory.small[:1], matrix, upright, out, work.form, 0, 1)
        made += 1
        row = fetch_add(np.uint64(work.next.ctypes.data))
    return made


@kernel
def _make(work: Rows, row: int, plan: Any, target: int, memory: Memory) -> None:
    """Make a row up to its uint8 pixels, at an address."""
    view, position = divmod(row, work.samples.shape[0])
    place, sample = work.places[position], work.samples[position]
    height, width, size = place.height, place.width, work.out.shape[1]
    plan_geometry(work.seed, work.epoch, sample, view, height, width, work.params, plan)
    plan_color(work.seed, work.epoch, sample, view, work.params, work.matrices[row])
    pixels = picture_at(place.address, height, width)
    picture = picture_at(np.uint64(target), size, size)
    resize_part(pixels, 0, 0, plan, picture, memory.scratch, True)
    apply_row(picture, work.ops, row, memory.workspace)


@kernel
def make_mixed(work: Rows, wanted: Wanted, memory: Memory) -> int:
    """Make outputs, part by part, until none is left. Returns how many this call made."""
    plans, pool, made = np.empty(1, SAMPLE), empty_pool(memory.small), 0
    part = fetch_add(np.uint64(work.next.ctypes.data))
    while part < wanted.starts.shape[0] - 1:
        for output in wanted.outputs[wanted.starts[part] : wanted.starts[part + 1]]:
            for number in range(wanted.mixes[output].count + 1):
                row = source_of(wanted.mixes, output, number)
                if row >= 0 and wanted.places[row] < 0:
                    picture = pool.pictures[reserve(wanted, row, pool)]
                    _make(work, row, plans[0], picture.ctypes.data, memory)
            finish_output(wanted, output, pool, work.matrices, work.out, work.form)
            made += 1
        part = fetch_add(np.uint64(work.next.ctypes.data))
    return made
