"""The sums of `resize` with the cubic filter; `resize_sums` calls them a block at a time.

As there, but signed, for the filter has negative weights: bytes are counted from the middle, 128,
so that 16 bits hold what overshoots to either side, and weights have 14 bits after the point, since
one may exceed 1 at a box's rim. Vertical sums have 6 bits after the point and horizontal ones 5.
Products are cut off, downwards for pixels with an even place in the box and upwards for others, so
sums have hardly a bias and do not depend on how much of the box there is beside what they need.
Levels are clipped once, at the end.

Nothing overflows: magnitudes of weights sum to less than 1.3, so 128 levels become 217 at most.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.lanes import (
    BYTES,
    LANES,
    add_ceiling,
    add_floor,
    doubled,
    load,
    load_centred,
    splat,
    store,
    to_levels,
)
from fasttricks.kernels.resize_ahead import ask_for, new_rows, step_of

BITS = 14
"""After the point of a weight."""
MOST_TAPS = 32
"""On each axis. What is cut off adds up: with these, flat pictures are up to 0.33 of a level off,
with 44 some reach the 0.5 that shows, with 54 and more usually two of the 256."""
_ONE = 1 << BITS
_FINE = float(1 << 24)


@kernel
def weigh(table: NDArray[np.int32], row: int, begin: float, stretch: float) -> None:
    """Write a filter's weights, those of Keys' cubic with a = -1/2; they sum to 16384.

    Args:
        begin: where the first of its pixels is, counted from its centre.
        stretch: half of where the cubic becomes 0.
    """
    taps, total = table.shape[1] - 1, 0
    for k in range(taps):
        x, value = abs(begin + k) / stretch, 0.0
        if x < 1.0:
            value = (1.5 * x - 2.5) * x * x + 1.0
        elif x < 2.0:
            value = ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0
        weight = math.floor(value * _FINE)
        table[row, 1 + k] = weight
        total += weight
    rest, heaviest, share = _ONE, 1, _ONE / total
    for k in range(taps):
        weight = math.floor(table[row, 1 + k] * share + 0.5)
        table[row, 1 + k] = weight
        rest -= weight
        if weight > table[row, heaviest]:
            heaviest = 1 + k
    table[row, heaviest] += rest  # where a rounding error matters least


@kernel
def sum_rows(
    source: int,
    stride: int,
    row_bytes: int,
    above: int,
    filters: NDArray[np.int32],
    first: int,
    last: int,
    block: int,
    pitch: int,
    later: NDArray[np.int32],
) -> None:
    """Sum source rows, bytes [first, last) of each, into int16 rows `pitch` apart at `block`.

    above: rows of the box before the first that there is. later: as in `new_rows`.
    What is written is doubled, 7 bits after the point, for the next product to keep more of it; and
    less 1/128, since `to_levels` rounds halves up, of numbers that end there: up by 1/64 on average
    where there are as many products of either kind, and by less where there is one more.
    """
    taps, step = filters.shape[1] - 1, step_of(later, last - first)
    for r in range(filters.shape[0]):
        row = source + filters[r, 0] * stride
        target = block + r * pitch
        odd = (above + filters[r, 0]) & 1
        new, count = new_rows(later, r)
        part = first
        while part < last:  # a range whose step is not constant costs a division
            ask_for(source + new * stride + part, count, stride)
            for byte in range(part, min(part + step, last), LANES):
                inside = min(byte, row_bytes - LANES)
                total = splat(0)
                at = row + inside
                if odd:
                    total = add_ceiling(total, load_centred(at), filters[r, 1])
                    at += stride
                for k in range(1 + odd, taps, 2):
                    total = add_floor(total, load_centred(at), filters[r, k])
                    total = add_ceiling(total, load_centred(at + stride), filters[r, k + 1])
                    at += 2 * stride
                if (taps - odd) & 1:
                    total = add_floor(total, load_centred(at), filters[r, taps])
                store(target + 2 * (inside - first), doubled(total))
            part += step


@kernel
def sum_columns(
    columns: int, before: int, filters: NDArray[np.int32], first: int, out: int
) -> None:
    """Sum columns of the transposed block, which begins with the one of byte `first` of a row.

    before: columns of the box before the first that there is. Writes uint16 whose high byte is the
    level.
    """
    taps = filters.shape[1] - 1
    for x in range(filters.shape[0]):
        at = columns + (3 * filters[x, 0] - first) * BYTES
        red = green = blue = splat(0)
        odd = (before + filters[x, 0]) & 1
        if odd:
            red = add_ceiling(red, load(at), filters[x, 1])
            green = add_ceiling(green, load(at + BYTES), filters[x, 1])
            blue = add_ceiling(blue, load(at + 2 * BYTES), filters[x, 1])
            at += 3 * BYTES
        for k in range(1 + odd, taps, 2):
            red = add_floor(red, load(at), filters[x, k])
            green = add_floor(green, load(at + BYTES), filters[x, k])
            blue = add_floor(blue, load(at + 2 * BYTES), filters[x, k])
            red = add_ceiling(red, load(at + 3 * BYTES), filters[x, k + 1])
            green = add_ceiling(green, load(at + 4 * BYTES), filters[x, k + 1])
            blue = add_ceiling(blue, load(at + 5 * BYTES), filters[x, k + 1])
            at += 6 * BYTES
        if (taps - odd) & 1:
            red = add_floor(red, load(at), filters[x, taps])
            green = add_floor(green, load(at + BYTES), filters[x, taps])
            blue = add_floor(blue, load(at + 2 * BYTES), filters[x, taps])
        target = out + 3 * BYTES * x
        store(target, to_levels(red))
        store(target + BYTES, to_levels(green))
        store(target + 2 * BYTES, to_levels(blue))
