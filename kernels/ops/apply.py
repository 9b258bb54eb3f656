"""Carry out operations on uint8 pictures on the CPU: numba, in place, without the GIL.

A picture stays in its core's cache until all its steps are done.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.ops import tone
from fasttricks.kernels.ops.histogram import auto_contrast, equalize
from fasttricks.kernels.ops.space import sharpen, source_map, warp
from fasttricks.kernels.steps import Op

Bytes = NDArray[np.uint8]
Ops = NDArray[np.void]
Single = np.float32

_F32, _HALF = np.float32, np.float32(0.5)


@kernel
def ops_bytes(height: int, width: int) -> int:
    """Bytes of workspace with which `apply_ops` takes a picture of height x width pixels."""
    return 3 * height * width + 1  # see `warp`


@kernel
def apply_ops(picture: Bytes, ops: Ops, scratch: Bytes) -> None:
    """Carry out a sample's steps on its picture, in place.

    Callable from Python threads and from other numba code.

    Args:
        picture: uint8 [H, W, 3], C-contiguous, after crop, resize and flip: all of it, because
            histograms and means are those of the picture.
        ops: STEP [STEPS], see `kernels.steps`; numbers out of an operation's range are not found.
        scratch: uint8, one per thread, any content, at least `ops_bytes(H, W)` long.

    Raises:
        ValueError: the picture does not have three channels, or `scratch` is too small.
    """
    if picture.shape[2] != 3:
        raise ValueError("apply_ops: picture must be uint8 [H, W, 3]")
    if scratch.size < ops_bytes(picture.shape[0], picture.shape[1]):
        raise ValueError("apply_ops: scratch is smaller than ops_bytes(H, W)")
    if picture.size == 0:
        return
    for k in range(ops.shape[0]):
        step = ops[k]
        if step.op == Op.IDENTITY:
            return
        _apply(picture, step.op, step.amount, step.second, step.third, scratch)


@kernel
def apply_row(picture: Bytes, ops: Ops | None, row: int, scratch: Bytes) -> None:
    """`apply_ops` with `ops[row]`, STEP [R, STEPS]; nothing where there are none.

    numba leaves a branch out where it knows that an argument is None: a caller without any
    does not wait for the compilation of sixteen operations.
    """
    if ops is not None:
        apply_ops(picture, ops[row], scratch)


@kernel
def _apply(
    picture: Bytes, op: int, amount: Single, second: Single, third: Single, scratch: Bytes
) -> None:
    x = picture.reshape(-1)
    rest = _F32(1) - amount
    if op <= Op.ROTATE:
        where = source_map(op, amount, picture.shape[0], picture.shape[1])
        warp(_copy(picture, scratch), where, np.uint8(second), picture)
    elif op == Op.AUTO_CONTRAST:
        auto_contrast(picture)
    elif op == Op.INVERT:
        tone.invert(x)
    elif op == Op.EQUALIZE:
        equalize(picture)
    elif op == Op.SOLARIZE:
        tone.solarize(x, amount)
    elif op == Op.POSTERIZE:
        tone.posterize(x, int(amount))
    elif op == Op.CONTRAST:
        tone.scale(x, amount, tone.mean_grey(x) * rest)
    elif op == Op.COLOR:
        tone.color(x, amount)
    elif op == Op.BRIGHTNESS:
        tone.scale(x, amount, _F32(0))
    elif op == Op.SHARPNESS:
        sharpen(_copy(picture, scratch), amount, picture)
    elif op == Op.FADE:
        tone.scale(x, amount, second * rest)
    elif op == Op.JITTER_BRIGHTNESS:
        tone.scale(x, amount, _HALF)
    elif op == Op.JITTER_CONTRAST:
        tone.scale(x, amount, tone.mean_luma(x) * rest + _HALF)
    elif op == Op.JITTER_SATURATION:
        tone.saturate(x, amount)
    elif op == Op.JITTER_HSV:
        tone.scale_hsv(x, amount, second, third)


@kernel
def _copy(picture: Bytes, scratch: Bytes) -> Bytes:
    x = picture.reshape(-1)
    for i in range(x.size):  # numba's assignment of slices goes byte by byte
        scratch[i] = x[i]
    return scratch[: x.size + 1]


@kernel
def apply_rows(pixels: Bytes, ops: Ops, scratch: Bytes) -> None:
    """`apply_ops` of a batch, uint8 [B, H, W, 3] and STEP [B, STEPS], in place."""
    for n in range(len(pixels)):
        apply_ops(pixels[n], ops[n], scratch)
