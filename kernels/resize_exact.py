"""The sums of `resize` with nothing rounded before the end, for any shape.

For what is too small for the vectors of `resize_sums`, and for many source pixels to one of the
output, where what 16-bit sums cut off adds up. Here the weighted rows are summed into one row of
int32, which holds even 255 * 65536, and its columns into int64. Loops over a row's bytes are left
to LLVM to make vectors of.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.native import pointer

SUM_BYTES = 12
"""Of workspace, for each source column."""
_TILE = 6144  # sums that stay in the L1 cache while rows are added to them


@kernel
def sum_exactly(
    src: NDArray[np.uint8],
    down: NDArray[np.int32],
    across: NDArray[np.int32],
    bits: int,
    dst: NDArray[np.uint8],
    workspace: NDArray[np.uint8],
) -> None:
    """Filters as in `resize_sums`, their first pixels in ascending or descending order.

    bits: of weights, after the point. workspace: aligned, SUM_BYTES for each source column from the
    first to the last that has a weight.
    """
    starts = across[0, 0], across[-1, 0]
    first, end = min(starts), max(starts) + across.shape[1] - 1
    sums = workspace[: SUM_BYTES * (end - first)].view(np.int32)
    columns = sums.reshape(end - first, 3)
    source, stride = src.ctypes.data + 3 * first, src.strides[0]
    for y in range(dst.shape[0]):
        _sum_rows(source + down[y, 0] * stride, stride, down[y, 1:], sums)
        _sum_columns(columns, first, across, bits, dst[y])


@kernel
def _sum_rows(
    source: int, stride: int, weights: NDArray[np.int32], sums: NDArray[np.int32]
) -> None:
    """Sum the bytes of rows `stride` apart from address `source` on."""
    fours = weights.size - weights.size % 4
    for begin in range(0, sums.size, _TILE):
        part = sums[begin : begin + _TILE]
        part[:] = 0
        for k in range(0, fours, 4):
            _add_four_rows(source + k * stride + begin, stride, weights[k : k + 4], part)
        for k in range(fours, weights.size):
            row, weight = _bytes(source + k * stride + begin, part.size), weights[k]
            for i in range(part.size):
                part[i] += weight * row[i]


@kernel
def _add_four_rows(
    source: int, stride: int, weights: NDArray[np.int32], sums: NDArray[np.int32]
) -> None:
    """Four at a time: sums are then read and written once for all of them."""
    a, b = _bytes(source, sums.size), _bytes(source + stride, sums.size)
    c, d = _bytes(source + 2 * stride, sums.size), _bytes(source + 3 * stride, sums.size)
    for_a, for_b, for_c, for_d = weights[0], weights[1], weights[2], weights[3]
    for i in range(sums.size):
        sums[i] += for_a * a[i] + for_b * b[i] + for_c * c[i] + for_d * d[i]


@kernel
def _sum_columns(
    columns: NDArray[np.int32],
    first: int,
    across: NDArray[np.int32],
    bits: int,
    dst: NDArray[np.uint8],
) -> None:
    """Sum columns, int32 [columns, 3] from source column `first` on, to a row of levels."""
    half, taps = np.int64(1) << (2 * bits - 1), across.shape[1] - 1
    for x in range(dst.shape[0]):
        begin, weights = across[x, 0] - first, across[x, 1:]
        seen = columns[begin : begin + taps]
        red = green = blue = half
        for k in range(taps):
            weight = np.int64(weights[k])
            red += weight * seen[k, 0]
            green += weight * seen[k, 1]
            blue += weight * seen[k, 2]
        dst[x, 0] = _level(red, 2 * bits)
        dst[x, 1] = _level(green, 2 * bits)
        dst[x, 2] = _level(blue, 2 * bits)


@kernel
def _level(total: int, bits: int) -> int:
    """The whole part of a sum with this many bits after the point, clipped."""
    return min(max(total >> bits, 0), 255)


@kernel
def _bytes(address: int, count: int) -> NDArray[np.uint8]:
    """The bytes at an address, as numba knows them to be side by side: of `src` it does not."""
    return numba.carray(pointer(np.uint64(address)), count, np.uint8)
