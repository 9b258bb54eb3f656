"""What FFCV's compiled decoder does to one sample, and the memory that it does it in.

It cuts, decodes and resizes as `decode.rows` does, by the same functions.

FFCV compiles a loader's operations again in every process. So the heavy part is compiled here, kept
on disk like any kernel, and called from FFCV's code by its address: what FFCV compiles then takes
a second instead of ten. All that changes between batches and epochs stands in one record in memory,
so nothing is compiled twice.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import binding
from numba import types

from fasttricks.data.seek.format import RECORD
from fasttricks.kernels.augment import PlanParams
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.points import SEEK
from fasttricks.kernels.native import pointer
from fasttricks.kernels.plan import SAMPLE, plan_geometry
from fasttricks.kernels.resize import scratch_bytes
from fasttricks.pipelines.beton.file import JPG, RAW
from fasttricks.pipelines.decode.picture import TASK, Memory, room_bytes
from fasttricks.pipelines.decode.rows import decode_shrunk, resize_part
from fasttricks.pipelines.decode.turbojpeg import Handles
from fasttricks.pipelines.ffcv.cuts import CUT, Cuts

STATE = np.dtype(
    [
        ("next", "<i8"),  # first, so that its address is the record's
        ("seed", "<u8"),
        ("epoch", "<i8"),
        ("views", "<i8"),
        ("known", "<u8"),
        ("records", "<u8"),
        ("points", "<u8"),
        ("buffers", "<u8"),
        ("room_bytes", "<i8"),
        ("scratch_bytes", "<i8"),
        ("cut_bytes", "<i8"),
        ("workspace_bytes", "<i8"),
        ("train", "u1"),
        ("size", "<i8"),
        ("resize", "<i8"),
        ("interpolation", "<i8"),
        ("area", "<f8", 2),
        ("log_aspect", "<f8", 2),
        ("flip", "<f8"),
    ],
    align=True,
)
"""`next` is the next row that no worker has taken yet. `known`, `records` and `points` are the
addresses of what `Cuts` has under these names, 0 where nothing is cut. `buffers` is the address of
a BUFFERS array, one entry a worker; the sizes of what they point to are the same for all. From
`train` on, the fields are those of `PlanParams` that geometry depends on, so that the record itself
can be given to `plan_geometry` in its place."""

BUFFERS = np.dtype(
    [
        ("decoder", "<i8"),
        ("room", "<u8"),
        ("scratch", "<u8"),
        ("cut", "<u8"),
        ("workspace", "<u8"),
    ]
)
"""A worker's own: libturbojpeg's handle and the addresses of what `decode.picture.Memory`
explains."""

_POINT_BYTES = SEEK.itemsize


@kernel
def _carry_out(
    state_at: int,
    worker: int,
    index: int,
    number: int,
    view: int,
    mode: int,
    data_at: int,
    data_size: int,
    height: int,
    width: int,
    out_at: int,
) -> int:
    """Carry out the plan of one stored sample: 1 if done, 0 if it is left to PIL.

    Args:
        state_at: address of a STATE.
        worker: whose buffers to use; no other thread may use them meanwhile.
        index, view: which plan.
        number: which sample of the file or pack it is.
        mode, height, width: from the sample's metadata.
        data_at, data_size: the stored bytes.
        out_at: where uint8 [size, size, 3] is written.
    """
    row = index, number, view, mode, data_at, data_size, height, width, out_at
    return _make(state_at, worker, row, np.empty(1, SAMPLE), np.empty(1, TASK))


@kernel
def _make(state_at: int, worker: int, row: Any, plans: Any, tasks: Any) -> int:
    # In numba a record does not keep its array alive; an argument lives until the call ends.
    plan, task = plans[0], tasks[0]
    index, number, view, mode, data_at, data_size, height, width, out_at = row
    state = numba.carray(pointer(state_at), 1, STATE)[0]
    memory = _memory(state, numba.carray(pointer(state.buffers), worker + 1, BUFFERS)[worker])
    if mode != JPG and (mode != RAW or 3 * height * width != data_size):
        return 0
    plan_geometry(state.seed, state.epoch, index, view, height, width, state, plan)
    if scratch_bytes(plan.height, plan.width, state.size, state.size) > state.scratch_bytes:
        return 0
    if mode == JPG:
        task.data, task.size, task.height, task.width = data_at, data_size, height, width
        task.points = task.count = 0
        record = numba.carray(pointer(state.records), number + 1, RECORD)[number]  # not yet read
        if _can_be_cut(state, number):
            task.points = state.points + record.first * np.uint64(_POINT_BYTES)
            task.count = record.count
        top, left, rows, columns, good = decode_shrunk(
            task, record.frame, plan, state.size, 1, memory
        )
        if not good:
            return 0
        at = np.uint64(memory.room.ctypes.data)
    else:
        top, left, rows, columns = 0, 0, height, width
        at = np.uint64(data_at)
    pixels = numba.carray(pointer(at), (rows, columns, 3), np.uint8)
    out = numba.carray(pointer(np.uint64(out_at)), (state.size, state.size, 3), np.uint8)
    resize_part(pixels, top, left, plan, out, memory.scratch)
    return 1


@kernel
def _memory(state: Any, own: Any) -> Memory:
    """A worker's buffers as `decode.rows` wants them; it makes one picture in its place at once."""
    return Memory(
        own.decoder,
        numba.carray(pointer(own.room), state.room_bytes, np.uint8),
        numba.carray(pointer(own.scratch), state.scratch_bytes, np.uint8),
        numba.carray(pointer(own.scratch), 0, np.uint8),
        numba.carray(pointer(own.cut), state.cut_bytes, np.uint8),
        numba.carray(pointer(own.workspace), state.workspace_bytes, np.uint8),
    )


@kernel
def _can_be_cut(state: Any, number: int) -> bool:
    """Whether a picture's entry in the seek index was checked and found good."""
    if state.known == 0:
        return False
    return bool(numba.carray(pointer(state.known), number + 1, np.uint8)[number] == CUT)


def _by_address(name: str, compiled: Any, signature: Any) -> types.ExternalFunction:
    """A compiled function that other numba code calls without taking in its code.

    An exception in it is printed, and 0 returned.
    """
    compiled.compile(signature.args)
    result = compiled.get_compile_result(signature)
    address = result.library.get_pointer_to_function(result.fndesc.llvm_cfunc_wrapper_name)
    binding.add_symbol(name, address)
    return types.ExternalFunction(name, signature)


carry_out = _by_address(
    "fasttricks_carry_out", _carry_out, types.int64(types.uint64, *[types.int64] * 10)
)


def draw(
    pixels: npt.NDArray[np.uint8],
    plan: np.void,
    out: npt.NDArray[np.uint8],
    top: int = 0,
    left: int = 0,
) -> None:
    """Carry out a plan, a record of SAMPLE, on decoded pixels: the same result from Python.

    Args:
        pixels: uint8 [H, W, 3], the picture or what the plan needs of it.
        out: uint8 [size, size, 3], written.
        top, left: where in the picture the pixels begin.
    """
    scratch = np.empty(scratch_bytes(plan["height"], plan["width"], *out.shape[:2]), np.uint8)
    resize_part(pixels, top, left, plan, out, scratch)


class Workspace:
    """The state of a loader's compiled code, and the memory of its workers.

    Attributes:
        address: of the STATE; it stays where it is as long as this object lives.
        workers: how many.
    """

    def __init__(self, workers: int, views: int, cuts: Cuts | None = None) -> None:
        self.workers = workers
        self._state = np.zeros(1, STATE)
        self._state["views"] = views
        self.address = int(self._state.ctypes.data)
        self._cuts = cuts  # kept alive: the state holds addresses of its arrays
        if cuts is not None:
            for name in ("known", "records", "points"):
                self._state[name] = getattr(cuts, name).ctypes.data
        self._decoders = Handles(workers)
        self._buffers = np.zeros(workers, BUFFERS)
        self._buffers["decoder"] = self._decoders.addresses
        self._state["buffers"] = self._buffers.ctypes.data
        self._memory: dict[str, npt.NDArray[np.uint8]] = {}

    def set(self, seed: int, epoch: int, params: PlanParams) -> None:
        """What the compiled code is to do from now on; not while it runs."""
        state = self._state[0]
        state["seed"], state["epoch"] = seed, epoch
        for name in ("train", "size", "resize", "interpolation", "area", "log_aspect", "flip"):
            state[name] = getattr(params, name)

    def expect(self, entries: npt.NDArray[Any], cut: int = 0, workspace: int = 0) -> None:
        """Get ready to make these samples; not while the compiled code runs.

        Those that it has not enough memory for are left to PIL.

        Args:
            entries: ENTRY [n] of `ffcv.tables`.
            cut, workspace: bytes that cutting them needs.
        """
        here = entries[entries["mode"] <= RAW]
        height, width = (here[side].astype(np.int64) for side in ("height", "width"))
        size = int(self._state["size"][0])
        largest = int(height.max(initial=1)), int(width.max(initial=1))
        coded = (height * width)[here["mode"] == JPG]
        self._provide("room", room_bytes(int(coded.max(initial=1)), 1))
        self._provide("scratch", int(scratch_bytes(*largest, size, size)))
        self._provide("cut", cut)
        self._provide("workspace", workspace)

    def _provide(self, name: str, size: int) -> None:
        """Let each worker's buffer have at least this many bytes.

        Pages that nothing is written to take no memory.
        """
        if size > self._state[name + "_bytes"][0]:
            self._memory[name] = np.empty((self.workers, size), np.uint8)
            self._buffers[name] = _addresses(self._memory[name])
            self._state[name + "_bytes"] = size

    def close(self) -> None:
        """Free the decoders and buffers; the compiled code must not run any more."""
        self._decoders.close()
        self._memory.clear()


def _addresses(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Where each row begins."""
    return rows.ctypes.data + np.arange(len(rows), dtype=np.uint64) * np.uint64(rows.strides[0])
