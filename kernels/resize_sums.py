"""The sums of `resize`: weighted rows and columns of a picture, 32 rows of output at a time.

The *vertical* sums come first, along source rows, whose bytes lie side by side as vector code wants
them. Then the block is transposed: now 32 rows of one column lie side by side, and the *horizontal*
sums have the same form, red, green and blue apart without shuffling. Then the block is transposed
back. Sums are uint16 with 8 bits after the point and weights have 16 bits, so nearly all of the
error is the last rounding to uint8.

Filters are int32 [outputs, 1 + taps]: the first source pixel of each output, and its weights, which
sum to 65536, or to 16384 if some are negative: then `resize_cubic` has the sums of a block.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels import resize_cubic
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.lanes import (
    BYTES,
    LANES,
    add_scaled,
    load,
    load_bytes,
    splat,
    store,
    transpose_8_columns,
    transpose_16_bytes,
)
from fasttricks.kernels.resize_ahead import ask_for, new_rows, rows_ahead, step_of

BITS = 16
"""After the point of a weight that is not negative."""
ROWS = LANES
"""Output rows of a block."""
GROUP = 16
"""Output columns that are transposed back at once: 48 bytes of a row."""
MOST_TAPS = 126
"""On each axis, of weights that are not negative: else white overflows, see `_vertical`."""


@kernel
def sum_blocks(
    src: NDArray[np.uint8],
    place: tuple[int, int] | None,
    down: NDArray[np.int32],
    across: NDArray[np.int32],
    tile: int,
    dst: NDArray[np.uint8],
    workspace: NDArray[np.uint8],
    cold: bool,
) -> None:
    """At least ROWS x GROUP pixels from rows of LANES bytes or more, `tile` columns at a time.

    place: where in the box `src` begins, if weights may be negative; None if not. Code for one
    has nothing of the other: numba leaves out what is not for the type that it compiles for.
    cold: as in `resize`.
    """
    source, stride, row_bytes = src.ctypes.data, src.strides[0], 3 * src.shape[1]
    height, width = down.shape[0], across.shape[0]
    half = (workspace.size - 3 * GROUP * BYTES) // 2
    block = workspace.ctypes.data
    columns, group, pitch = block + half, block + 2 * half, half // ROWS
    for y0 in range(0, height, ROWS):
        y = min(y0, height - ROWS)  # the last block may do some rows again
        for x0 in range(0, width, tile):
            begin, end = min(x0, width - GROUP), min(x0 + tile, width)
            left, right = across[begin, 0], across[end - 1, 0]
            first = min(3 * min(left, right), row_bytes - LANES)
            last = 3 * (max(left, right) + across.shape[1] - 1)
            rows, later = down[y : y + ROWS], rows_ahead(down, y, ROWS, cold)
            if place is None:
                _vertical(source, stride, row_bytes, rows, first, last, block, pitch, later)
            else:
                resize_cubic.sum_rows(
                    source, stride, row_bytes, place[0], rows, first, last, block, pitch, later
                )
            for byte in range(0, last - first, 8):
                transpose_8_columns(block + 2 * byte, pitch, columns + byte * BYTES)
            for x1 in range(begin, end, GROUP):
                x = min(x1, end - GROUP)
                if place is None:
                    _horizontal(columns, across[x : x + GROUP], first, group)
                else:
                    filters = across[x : x + GROUP]
                    resize_cubic.sum_columns(columns, place[1], filters, first, group)
                corner = dst.ctypes.data + y * dst.strides[0] + 3 * x
                for byte in range(0, 3 * GROUP, 16):
                    transpose_16_bytes(group + byte * BYTES, corner + byte, dst.strides[0])


@kernel
def _vertical(
    source: int,
    stride: int,
    row_bytes: int,
    filters: NDArray[np.int32],
    first: int,
    last: int,
    block: int,
    pitch: int,
    later: NDArray[np.int32],
) -> None:
    """Sum source rows, bytes [first, last) of each, into uint16 rows `pitch` apart at `block`.

    later: as in `new_rows`.
    A sum begins with half its number of taps, because each product is cut off, by 1/2 on average.
    With at most 126 taps, white is at most 65280 + 2 * 63 after both sums: rounding fits.
    """
    taps, step = filters.shape[1] - 1, step_of(later, last - first)
    for r in range(filters.shape[0]):
        row = source + filters[r, 0] * stride
        target = block + r * pitch
        new, count = new_rows(later, r)
        part = first
        while part < last:  # a range whose step is not constant costs a division
            ask_for(source + new * stride + part, count, stride)
            for byte in range(part, min(part + step, last), LANES):
                inside = min(byte, row_bytes - LANES)
                total = splat(taps // 2)
                at = row + inside
                for k in range(taps):
                    total = add_scaled(total, load_bytes(at), filters[r, 1 + k])
                    at += stride
                store(target + 2 * (inside - first), total)
            part += step


@kernel
def _horizontal(columns: int, filters: NDArray[np.int32], first: int, out: int) -> None:
    """Sum columns of the transposed block, which begins with the one of byte `first` of a row."""
    taps = filters.shape[1] - 1
    for x in range(filters.shape[0]):
        at = columns + (3 * filters[x, 0] - first) * BYTES
        red = green = blue = splat(taps // 2 + 128)
        for k in range(taps):
            red = add_scaled(red, load(at), filters[x, 1 + k])
            green = add_scaled(green, load(at + BYTES), filters[x, 1 + k])
            blue = add_scaled(blue, load(at + 2 * BYTES), filters[x, 1 + k])
            at += 3 * BYTES
        target = out + 3 * BYTES * x
        store(target, red)
        store(target + BYTES, green)
        store(target + 2 * BYTES, blue)
