"""One thread's part of a batch, compiled: decode, resize and finish row after row, without the GIL.

A thread makes a whole picture before it takes the next one, so the pixels are still in its cache
when they are finished. Threads share a batch by an atomic counter: pictures differ a lot in cost.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from fasttricks.kernels.finish_numba import finish
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.resize import resize, scratch_bytes
from fasttricks.pipelines.native import pointer, take
from fasttricks.pipelines.turbojpeg import Handles, decompress

Bytes = npt.NDArray[np.uint8]

JPEG, PIXELS = 0, 1
UINT8 = -1  # a `form` beside those of finish_numba: stop before finishing

TASK = np.dtype(
    [
        ("data", "<u8"),
        ("size", "<i8"),
        ("kind", "<i8"),
        ("top", "<i8"),
        ("left", "<i8"),
        ("height", "<i8"),
        ("width", "<i8"),
    ]
)
"""What a row is made from: `size` bytes at address `data`, a JPEG or uint8 [height, width, 3]. They
hold the part of the picture that begins at (top, left)."""


@kernel
def make_rows(
    counter: int,
    tasks: Any,
    plans: Any,
    matrices: npt.NDArray[np.float32],
    decoder: int,
    room: Bytes,
    scratch: Bytes,
    small: Bytes,
    out: Any,
    form: int,
    done: npt.NDArray[np.int64],
) -> None:
    """Make rows of a batch until none is left; several threads call it for the same batch.

    Args:
        counter: address of an int64, the next row that nobody has taken.
        tasks: TASK [B]. plans: SAMPLE [B]. matrices: float32 [B, 3, 4].
        decoder: libturbojpeg's handle, this thread's own, as are the three buffers:
        room: holds the largest decoded part. scratch: see `resize`. small: one output picture.
        out: [B, size, size, 3] as `finish` takes it; uint8 where `form` is UINT8.
        done: int64 [B], set to 1 for rows that were made, left alone for those that PIL has to.
    """
    size = out.shape[1]
    upright = np.zeros(1, np.uint8)
    row = take(np.uint64(counter))
    while row < tasks.shape[0]:
        task, plan = tasks[row], plans[row]
        at = task.data
        good = True
        if task.kind == JPEG:
            at = np.uint64(room.ctypes.data)
            good = 3 * task.height * task.width <= room.size and decompress(
                decoder, np.int64(task.data), task.size, np.int64(at), task.height, task.width
            )
        if good:
            pixels = numba.carray(pointer(at), (task.height, task.width, 3), np.uint8)
            # The part that was decoded begins at or after the box in evaluation, before it in
            # training: what lies outside the box must not be seen.
            top, left = max(plan.top - task.top, 0), max(plan.left - task.left, 0)
            bottom = min(plan.top + plan.height - task.top, task.height)
            right = min(plan.left + plan.width - task.left, task.width)
            target = small.ctypes.data if form != UINT8 else out[row].ctypes.data
            picture = numba.carray(pointer(np.uint64(target)), (1, size, size, 3), np.uint8)
            resize(
                pixels[top:bottom, left:right],
                max(task.top - plan.top, 0),
                max(task.left - plan.left, 0),
                plan.height,
                plan.width,
                plan.grid_height,
                plan.grid_width,
                plan.grid_top,
                plan.grid_left,
                plan.flip,
                picture[0],
                scratch,
            )
            if form != UINT8:
                finish(picture, matrices[row : row + 1], upright, out[row : row + 1], form, 0, 1)
            done[row] = 1
        row = take(np.uint64(counter))


class Thread:
    """What one decoding thread needs of its own: a decoder and memory that only grows."""

    def __init__(self) -> None:
        self.handles = Handles(1)
        self.decoder = int(self.handles.addresses[0])
        self.room = self.scratch = self.small = np.empty(0, np.uint8)

    def make(
        self,
        counter: npt.NDArray[np.int64],
        tasks: npt.NDArray[Any],
        plans: npt.NDArray[Any],
        matrices: npt.NDArray[np.float32],
        out: npt.NDArray[Any],
        form: int,
        done: npt.NDArray[np.int64],
    ) -> None:
        """Take part in making a batch; see `make_rows`."""
        size = out.shape[1]
        coded = tasks[tasks["kind"] == JPEG]
        self.room = _at_least(self.room, 3 * int((coded["height"] * coded["width"]).max(initial=0)))
        boxes = int(plans["height"].max()), int(plans["width"].max())
        self.scratch = _at_least(self.scratch, int(scratch_bytes(*boxes, size, size)))
        self.small = _at_least(self.small, 3 * size * size)
        address = counter.ctypes.data
        memory = self.room, self.scratch, self.small
        make_rows(address, tasks, plans, matrices, self.decoder, *memory, out, form, done)


def _at_least(buffer: Bytes, size: int) -> Bytes:
    """The same buffer, or a larger one; pages that nothing is written to take no memory."""
    return buffer if len(buffer) >= size else np.empty(size, np.uint8)
