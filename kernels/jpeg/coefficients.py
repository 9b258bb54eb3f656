"""Reading a JPEG's DCT coefficients, two rows of MCUs at once.

Where a code begins is known only when the one before it has been looked up, so a CPU mostly waits.
But a seek index tells where rows begin: two are read in turns, each while the other one waits.
Restart markers part a row into several runs of MCUs; else it is one.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import inlined, kernel
from fasttricks.kernels.jpeg.bits import i64
from fasttricks.kernels.jpeg.idct import BLOCKS, ROW
from fasttricks.kernels.jpeg.lookups import (
    BAD,
    END,
    Lookups,
    Window,
    lookup_of,
    next_number,
    refilled,
    window_at,
)
from fasttricks.kernels.jpeg.segments import Header
from fasttricks.kernels.jpeg.walk import LEAST_DC, MOST_DC
from fasttricks.kernels.native import load_int64, store_int16

Coefficients: TypeAlias = NDArray[np.int16]
Places: TypeAlias = NDArray[np.int64]
Stops: TypeAlias = NDArray[np.void]

PAIR = (8 + 1) * ROW
"""int16 that two blocks take: [8, 2, 8] as `inverse_dct` reads them, and a row that it does not."""
ZIGZAG = (
    *(0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5),
    *(12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28),
    *(35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51),
    *(58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63),
)
"""Where in its block, row by row, a coefficient belongs (T.81 figure A.6)."""
PLACES = np.array([2 * (n // 8 * ROW + n % 8) for n in ZIGZAG] + 2 * BAD * [2 * 8 * ROW])
"""Bytes from a block's first coefficient to its k-th one, and where the rest is put: what ends a
block is stored like a coefficient, in the row that is not read. That may also be what follows a DC
code that does not exist, for which k is `BAD` already."""

STOP = np.dtype([("target", np.int64), ("dc", np.int64), ("ac", np.int64)])
"""A block of a row: bytes from the row's first coefficient to its own, addresses of its lookups."""
_STOP_BYTES = STOP.itemsize

_LAST = 63


class Run(NamedTuple):
    """MCUs to read, of one row; all are addresses or bits of them."""

    begin: int
    """Of the byte in which the data begin."""
    bit: int
    """The bit of that byte, 0 to 7."""
    end: int
    """The bit behind the data; 320 bytes follow that may be read."""
    stop: int
    """The STOP of the first block."""
    last: int
    """What is behind the last STOP."""
    target: int
    """Where the row's coefficients are put, all 0 before."""


class Block(NamedTuple):
    """Where reading a run has come to."""

    window: Window
    k: int
    """The last coefficient that was read; see `_is_whole`."""
    target: int
    """Where the block's coefficients are put."""
    ac: int
    """The lookup of its codes."""
    stop: int
    """The STOP of the next block."""


@kernel
def strip_size(blocks: int) -> int:
    """The int16 that blocks of a component take that stand side by side."""
    return PAIR * ((blocks + BLOCKS - 1) // BLOCKS)


@kernel
def lay_out(header: Header, lookups: Lookups, skipped: int, columns: int, stops: Stops) -> int:
    """Fill STOP [(skipped + columns) * header.blocks], for rows of MCUs.

    Of the first `skipped` MCUs nothing but the DC is wanted. Strip follows strip, from upper to
    lower ones of each component; behind them is what is not wanted.

    Returns:
        The int16 that a row's coefficients take.
    """
    size = i64(0)
    for c in range(header.components):
        size += header.v[c] * strip_size(header.h[c] * columns)
    n = 0
    for column in range(-skipped, columns):
        strip = i64(0)
        for c in range(header.components):
            for _ in range(header.v[c]):
                for h in range(header.h[c]):
                    place = strip + _in_strip(column * header.h[c] + h)
                    stops[n].target = 2 * (place if column >= 0 else size + _in_strip(n))
                    stops[n].dc = lookup_of(lookups, header.dc[c])
                    stops[n].ac = lookup_of(lookups, header.ac[c])
                    n += 1
                strip += strip_size(header.h[c] * columns)
    return size + strip_size(skipped * header.blocks)


@kernel
def _in_strip(number: int) -> int:
    return PAIR * (number // BLOCKS) + 8 * (number % BLOCKS)


@kernel
def read_runs(first: Run, second: Run, places: Places) -> bool:
    """Read two runs; False if the data are damaged.

    DC coefficients are left as differences, see `add_up`. places: a copy of `PLACES`.
    """
    table = i64(places.ctypes.data)
    a, b = _before(first), _before(second)
    while True:
        if a.k >= _LAST:
            if a.stop == first.last or not _is_whole(a, first):
                break
            a = _begin(a, first)
        if b.k >= _LAST:
            if b.stop == second.last or not _is_whole(b, second):
                break
            b = _begin(b, second)
        a, b = _refill(a), _refill(b)
        a, b = _go_on(a, table), _go_on(b, table)
        if a.k < _LAST:  # 56 bits are enough for two
            a = _go_on(a, table)
        if b.k < _LAST:
            b = _go_on(b, table)
    return _finish(a, first, table) and _finish(b, second, table)


@kernel
def read_run(run: Run, places: Places) -> bool:
    """As `read_runs`, one."""
    return _finish(_before(run), run, i64(places.ctypes.data))


@kernel
def _finish(block: Block, run: Run, places: int) -> bool:
    """Read what is left of a run."""
    while True:
        while block.k < _LAST:
            block = _go_on(_refill(block), places)
        if not _is_whole(block, run):
            return False
        if block.stop == run.last:
            return True
        block = _begin(block, run)


@inlined
def _before(run: Run) -> Block:
    """As if a block before the first one had been read."""
    window = window_at(run.begin, run.bit)
    return Block(window, i64(_LAST), i64(run.target), i64(0), i64(run.stop))


@inlined
def _is_whole(block: Block, run: Run) -> bool:
    """Whether a block that was read ends as one must: at the last coefficient or at an end."""
    k, (_, left, behind) = block.k, block.window
    return (k == _LAST or END <= k < BAD) and 8 * behind - left <= run.end


@inlined
def _begin(block: Block, run: Run) -> Block:
    """Read the DC difference of the next block."""
    stop = block.stop
    step, difference, window = next_number(refilled(block.window), load_int64(stop + 8))
    target = run.target + load_int64(stop)
    store_int16(target, difference)
    return Block(window, step, target, load_int64(stop + 16), stop + _STOP_BYTES)


@inlined
def _refill(block: Block) -> Block:
    return Block(refilled(block.window), block.k, block.target, block.ac, block.stop)


@inlined
def _go_on(block: Block, places: int) -> Block:
    """Read the next coefficient, or that the rest of the block is 0."""
    step, number, window = next_number(block.window, block.ac)
    k = block.k + step
    store_int16(block.target + load_int64(places + 8 * k), number)
    return Block(window, k, block.target, block.ac, block.stop)


@kernel
def add_up(header: Header, stops: Stops, dc: NDArray[np.int64], row: Coefficients) -> bool:
    """Turn a run's DC differences into coefficients; False if one is impossible.

    Args:
        stops: of the blocks that were read, whole MCUs.
        dc: int64 [3], what prediction has come to before them; overwritten.
    """
    for n in range(stops.size):
        c, at = header.owner[n % header.blocks], stops[n].target >> 1
        dc[c] += row[at]
        if not LEAST_DC <= dc[c] <= MOST_DC:
            return False
        row[at] = dc[c]
    return True
