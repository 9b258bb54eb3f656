"""Operations on uint8 pictures that take pixels from elsewhere, without the GIL.

`ops.by_torch` gets the same bytes on other devices.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.steps import Op
from fasttricks.kernels.vector import U8, llvm_type, read, write

Bytes = NDArray[np.uint8]
Single = np.float32
Map = tuple[int, int, int, int, int, int]

_U8, _U16, _F32, _I32 = np.uint8, np.uint16, np.float32, np.int32
_0, _HALF, _1, _255, _THIRTEENTH = map(np.float32, (0, 0.5, 1, 255, 1 / 13))

POINT = 32
"""Bits after the point of source coordinates: at 16384 pixels they are 2e-6 pixels off at most."""

_SHEAR_X, _SHEAR_Y, _ROTATE = int(Op.SHEAR_X), int(Op.SHEAR_Y), int(Op.ROTATE)
_TRANSLATE_X, _TRANSLATE_Y = int(Op.TRANSLATE_X), int(Op.TRANSLATE_Y)


@kernel
def source_map(op: int, amount: float, height: int, width: int) -> Map:
    """Where a geometric operation takes its pixels from, as integers with POINT bits.

    Returns:
        (xx, xy, x0, yx, yy, y0): output pixel (y, x) is source pixel
        ((yx * x + yy * y + y0) >> POINT, (xx * x + xy * y + x0) >> POINT), or fill outside.
    """
    # Continuous coordinates, pixel k being [k, k + 1): x' = a x + b y + c, y' = d x + e y + f.
    a, b, c, d, e, f = 1.0, 0.0, 0.0, 0.0, 1.0, 0.0
    if op == _SHEAR_X:
        b = amount
    elif op == _SHEAR_Y:
        d = amount
    elif op == _TRANSLATE_X:
        c = -float(int(amount))
    elif op == _TRANSLATE_Y:
        f = -float(int(amount))
    elif op == _ROTATE:
        a = e = math.cos(math.radians(amount))
        d = math.sin(math.radians(amount))
        b = -d
        c = width / 2 - a * width / 2 - b * height / 2
        f = height / 2 - d * width / 2 - e * height / 2
    x0, y0 = (a + b) / 2 + c, (d + e) / 2 + f
    return _fixed(a), _fixed(b), _fixed(x0), _fixed(d), _fixed(e), _fixed(y0)


@kernel
def _fixed(value: float) -> int:
    return math.floor(value * 2.0**POINT + 0.5)


@kernel
def warp(source: Bytes, where: Map, fill: int, out: Bytes) -> None:
    """Write to `out` the nearest pixels of a picture, `fill` where they would lie outside.

    Args:
        source: uint8 [3 * H * W + 1], the picture's bytes and one that is read but not used.
        where: see `source_map`.
        out: uint8 [H, W, 3], other memory.
    """
    height, width = out.shape[0], out.shape[1]
    xx, xy, x0, yx, yy, y0 = where
    pixels = source.ctypes.data
    for y in range(height):
        at_x, at_y = xy * y + x0, yy * y + y0
        begin_x, end_x = _inside(at_x, xx, width, width)
        begin_y, end_y = _inside(at_y, yx, height, width)
        begin = max(begin_x, begin_y)
        end = max(begin, min(end_x, end_y))
        row = out[y].reshape(-1)
        for i in range(3 * begin):
            row[i] = fill
        for i in range(3 * end, row.size):
            row[i] = fill
        at_x += xx * begin
        at_y += yx * begin
        target = row.ctypes.data + 3 * begin
        for _ in range(begin, end - 1):
            # Four bytes are as cheap as one; the next pixel overwrites the last of them.
            _copy_4_bytes(pixels + 3 * ((at_y >> POINT) * width + (at_x >> POINT)), target)
            target += 3
            at_x += xx
            at_y += yx
        if begin < end:
            last = 3 * ((at_y >> POINT) * width + (at_x >> POINT))
            for c in range(3):
                row[3 * end - 3 + c] = source[last + c]


@kernel
def _inside(first: int, step: int, size: int, count: int) -> tuple[int, int]:
    """The range of k in [0, count) for which (first + k * step) >> POINT is in [0, size)."""
    most = (size << POINT) - 1
    if step == 0:
        return (0, count) if 0 <= first <= most else (0, 0)
    if step > 0:
        begin, last = -(first // step), (most - first) // step
    else:
        begin, last = -((most - first) // -step), first // -step
    return max(0, min(begin, count)), max(0, min(last + 1, count))


@intrinsic
def _copy_4_bytes(typing: Any, source: Any, target: Any) -> Any:
    """Copy 4 bytes from an address to another; neither needs alignment."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        write(builder, args[1], read(builder, args[0], llvm_type(U8, 4)))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@kernel
def sharpen(source: Bytes, factor: Single, out: Bytes) -> None:
    """Blend with what a 3 x 3 filter of ones, 5 in the middle, makes of the picture; cut off.

    The outermost pixels stay as they are.

    Args:
        source: uint8 [3 * H * W], the picture's bytes.
        factor: share of the picture, float32.
        out: uint8 [H, W, 3], other memory that holds the same picture.
    """
    rest, stride = _1 - factor, 3 * out.shape[1]
    columns, totals = np.empty(stride, np.uint16), np.empty(max(stride - 6, 0), np.uint16)
    new = out.reshape(-1)
    for y in range(1, out.shape[0] - 1):
        here, at = source[y * stride : (y + 1) * stride], y * stride
        above, below = source[at - stride : at], source[at + stride : at + 2 * stride]
        target = new[at + 3 : at + 3 + totals.size]
        # Sums are told to be uint16 at each step, for vectors of many.
        for i in range(stride):
            columns[i] = _U16(_U16(above[i]) + _U16(here[i])) + _U16(below[i])
        for i in range(totals.size):
            sides = _U16(columns[i] + columns[i + 6])
            totals[i] = _U16(_U16(sides + columns[i + 3]) + _U16(4) * _U16(here[i + 3]))
        for i in range(totals.size):
            # No thirteenth is nearer to a half than 1 / 26: this rounding is exact.
            smooth = _F32(_I32(_F32(totals[i]) * _THIRTEENTH + _HALF))
            value = _F32(here[i + 3])
            value = value + (smooth - value) * rest
            value = value if value < _255 else _255
            target[i] = _U8(_I32(value if value > _0 else _0))
