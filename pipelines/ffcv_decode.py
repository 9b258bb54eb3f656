"""What FFCV's compiled decoder does to one sample, and the memory that it does it in.

FFCV compiles a loader's operations anew in every process. So the heavy part is compiled here, kept
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

from fasttricks.kernels.augment import PlanParams
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.plan import SAMPLE, plan_geometry
from fasttricks.kernels.resize import resize, scratch_bytes
from fasttricks.pipelines.beton_file import JPG, RAW
from fasttricks.pipelines.native import pointer
from fasttricks.pipelines.turbojpeg import Handles, decompress

STATE = np.dtype(
    [
        ("next", "<i8"),  # first, so that its address is the record's
        ("seed", "<u8"),
        ("epoch", "<i8"),
        ("views", "<i8"),
        ("buffers", "<u8"),
        ("pixel_bytes", "<i8"),
        ("scratch_bytes", "<i8"),
        ("train", "u1"),
        ("size", "<i8"),
        ("resize", "<i8"),
        ("area", "<f8", 2),
        ("log_aspect", "<f8", 2),
        ("flip", "<f8"),
    ],
    align=True,
)
"""`next` is the next row that no worker has taken yet. `buffers` is the address of a BUFFERS array,
one entry a worker. From `train` on, the fields are those of `PlanParams` that geometry depends on,
so that the record itself can be given to `plan_geometry` in its place."""

BUFFERS = np.dtype([("decoder", "<i8"), ("pixels", "<u8"), ("scratch", "<u8")])
"""A worker's own: libturbojpeg's handle, room for the largest picture and for resizing."""


@kernel
def stored_bytes(pointer: int, storage: Any) -> Any:
    """The bytes of the sample that begins at `pointer`, uint8 [n], not copied.

    storage: (the file's bytes, where samples begin, how long they are), the second sorted.
    """
    data, pointers, sizes = storage
    return data[pointer : pointer + sizes[np.searchsorted(pointers, pointer)]]


@kernel
def _carry_out(
    state_at: int,
    worker: int,
    index: int,
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
        worker: whose buffers to use; nobody else may use them meanwhile.
        index, view: which plan.
        mode, height, width: from the sample's metadata.
        data_at, data_size: the stored bytes.
        out_at: where uint8 [size, size, 3] is written.
    """
    row = index, view, mode, data_at, data_size, height, width, out_at
    return _make(state_at, worker, row, np.empty(1, SAMPLE))


@kernel
def _make(state_at: int, worker: int, row: Any, plans: Any) -> int:
    # In numba a record does not keep its array alive; an argument lives until the call ends.
    plan = plans[0]
    index, view, mode, data_at, data_size, height, width, out_at = row
    state = numba.carray(pointer(state_at), 1, STATE)[0]
    own = numba.carray(pointer(state.buffers), worker + 1, BUFFERS)[worker]
    wanted = 3 * height * width
    if mode == JPG and wanted <= state.pixel_bytes:
        if not decompress(own.decoder, data_at, data_size, np.int64(own.pixels), height, width):
            return 0
        at = own.pixels
    elif mode == RAW and wanted == data_size:
        at = np.uint64(data_at)
    else:
        return 0
    plan_geometry(state.seed, state.epoch, index, view, height, width, state, plan)
    picture = numba.carray(pointer(at), (height, width, 3), np.uint8)
    box = picture[plan.top : plan.top + plan.height, plan.left : plan.left + plan.width]
    resize(
        box,
        0,
        0,
        plan.height,
        plan.width,
        plan.grid_height,
        plan.grid_width,
        plan.grid_top,
        plan.grid_left,
        plan.flip,
        numba.carray(pointer(np.uint64(out_at)), (state.size, state.size, 3), np.uint8),
        numba.carray(pointer(own.scratch), state.scratch_bytes, np.uint8),
    )
    return 1


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
    "fasttricks_carry_out", _carry_out, types.int64(types.uint64, *[types.int64] * 9)
)


def draw(picture: npt.NDArray[np.uint8], plan: np.void, out: npt.NDArray[np.uint8]) -> None:
    """Carry out a plan, a record of SAMPLE, on a decoded picture: the same pixels from Python.

    Args:
        picture: uint8 [H, W, 3].
        out: uint8 [size, size, 3], written.
    """
    top, left, height, width, *grid_and_flip = (int(number) for number in plan.item())
    box = picture[top : top + height, left : left + width]
    scratch = np.empty(scratch_bytes(height, width, *out.shape[:2]), np.uint8)
    resize(box, 0, 0, height, width, *grid_and_flip, out, scratch)


class Workspace:
    """The state of a loader's compiled code, and the memory of its workers.

    Attributes:
        address: of the STATE; it stays where it is as long as this object lives.
        workers: how many.
    """

    def __init__(self, workers: int, stored: npt.NDArray[Any], views: int) -> None:
        self.workers = workers
        self._state = np.zeros(1, STATE)
        self._state["views"] = views
        self.address = int(self._state.ctypes.data)
        self._decoders = Handles(workers)
        here = stored[stored["mode"] <= RAW]
        coded = stored[stored["mode"] == JPG]
        self._largest = int(here["height"].max(initial=1)), int(here["width"].max(initial=1))
        areas = coded["height"].astype(np.int64) * coded["width"]
        # Pages of it that no picture reaches are never touched, and so take no memory.
        self._pixels = np.empty((workers, 3 * int(areas.max(initial=1))), np.uint8)
        self._scratch = np.empty((workers, 0), np.uint8)
        self._buffers = np.zeros(workers, BUFFERS)
        self._buffers["decoder"] = self._decoders.addresses
        self._buffers["pixels"] = _addresses(self._pixels)
        self._state["buffers"] = self._buffers.ctypes.data
        self._state["pixel_bytes"] = self._pixels.shape[1]

    def set(self, seed: int, epoch: int, params: PlanParams) -> None:
        """What the compiled code is to do from now on; not while it runs."""
        state = self._state[0]
        state["seed"], state["epoch"] = seed, epoch
        for name in ("train", "size", "resize", "area", "log_aspect", "flip"):
            state[name] = getattr(params, name)
        needed = int(scratch_bytes(*self._largest, params.size, params.size))
        if needed > self._scratch.shape[1]:
            self._scratch = np.empty((self.workers, needed), np.uint8)
            self._buffers["scratch"] = _addresses(self._scratch)
            state["scratch_bytes"] = needed

    def close(self) -> None:
        """Free the decoders and buffers; the compiled code must not run any more."""
        self._decoders.close()
        self._pixels = self._scratch = np.empty((self.workers, 0), np.uint8)


def _addresses(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Where each row begins."""
    return rows.ctypes.data + np.arange(len(rows), dtype=np.uint64) * np.uint64(rows.strides[0])
