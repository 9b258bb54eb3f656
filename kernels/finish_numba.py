"""Flip, colour and normalise on the CPU in one read and one write, without the GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.rgb import (
    PIXELS,
    affine,
    load_pixels,
    store_bfloat16,
    store_float16,
    store_float32,
)

FLOAT32, FLOAT16, BFLOAT16 = 0, 1, 2
"""Formats of a result; the last two are uint16 arrays of the bits, as numba has neither type."""


@kernel
def finish(
    pixels: NDArray[np.uint8],
    matrix: NDArray[np.float32],
    flip: NDArray[np.uint8],
    out: NDArray[Any],
    form: int,
    first: int,
    last: int,
) -> None:
    """Write y_c = A[c, :] . rgb + b[c] of samples [first, last), nothing clamped.

    Single-threaded; threads or workers may take ranges of the same batch at the same time. Callable
    from other numba code. Shapes are not checked: `kernels.finish.finish` does that.

    Args:
        pixels: uint8 [B, H, W, 3], pixels contiguous, rows and samples at any distance.
        matrix: float32 [B, 3, 4]: A and, as the last column, b.
        flip: uint8 or bool [B]; where it is not 0 the picture is mirrored left-right.
        out: [B, H, W, 3], pixels contiguous; float32 if `form` is FLOAT32, else uint16. Rounding is
            to nearest even; the result must not be NaN.
    """
    height, width = pixels.shape[1], pixels.shape[2]
    for n in range(first, last):
        mirrored = flip[n] != 0
        for y in range(height):
            if width >= PIXELS:
                source = pixels.ctypes.data + n * pixels.strides[0] + y * pixels.strides[1]
                target = out.ctypes.data + n * out.strides[0] + y * out.strides[1]
                _row(source, width, matrix[n], mirrored, target, out.itemsize, form)
            else:
                _narrow_row(pixels[n, y], matrix[n], mirrored, out[n, y], form)


@kernel
def _narrow_row(
    pixels: NDArray[np.uint8],
    matrix: NDArray[np.float32],
    mirrored: bool,
    out: NDArray[Any],
    form: int,
) -> None:
    """A row of fewer than PIXELS pixels, by way of a longer one."""
    source, target = np.zeros((PIXELS, 3), pixels.dtype), np.empty((PIXELS, 3), out.dtype)
    width = pixels.shape[0]
    begin = PIXELS - width if mirrored else 0  # so that they come first after mirroring
    for x in range(width):
        for c in range(3):
            source[begin + x, c] = pixels[x, c]
    _row(source.ctypes.data, PIXELS, matrix, mirrored, target.ctypes.data, out.itemsize, form)
    for x in range(width):
        for c in range(3):
            out[x, c] = target[x, c]


@kernel
def _row(
    source: int,
    width: int,
    matrix: NDArray[np.float32],
    mirrored: bool,
    target: int,
    size: int,
    form: int,
) -> None:
    """`width` >= PIXELS pixels at address `source` to numbers of `size` bytes at `target`."""
    r0, g0, b0, o0 = matrix[0, 0], matrix[0, 1], matrix[0, 2], matrix[0, 3]
    r1, g1, b1, o1 = matrix[1, 0], matrix[1, 1], matrix[1, 2], matrix[1, 3]
    r2, g2, b2, o2 = matrix[2, 0], matrix[2, 1], matrix[2, 2], matrix[2, 3]
    for begin in range(0, width, PIXELS):
        x = min(begin, width - PIXELS)  # the last step may do some pixels again
        start = width - PIXELS - x if mirrored else x
        red, green, blue = load_pixels(source + 3 * start, mirrored)
        y0 = affine(red, green, blue, r0, g0, b0, o0)
        y1 = affine(red, green, blue, r1, g1, b1, o1)
        y2 = affine(red, green, blue, r2, g2, b2, o2)
        at = target + 3 * size * x
        if form == FLOAT32:
            store_float32(at, y0, y1, y2)
        elif form == FLOAT16:
            store_float16(at, y0, y1, y2)
        else:
            store_bfloat16(at, y0, y1, y2)
