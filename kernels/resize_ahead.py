"""Asking for source rows before `resize` sums them, where they come from memory, not a cache.

Columns are summed a tile at a time, so a row's run of bytes ends before a hardware prefetcher has
understood it. Requests stand between the sums, a few at a time: a processor drops those that it has
no room for, and a whole row at once is too much.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.lanes import prefetch

AHEAD = 4
"""Output rows between asking and summing."""
PART = 256
"""Bytes of a source row that are asked for at once."""
_CACHE_LINE = 64


@kernel
def rows_ahead(down: NDArray[np.int32], y: int, count: int, cold: bool) -> NDArray[np.int32]:
    """What `new_rows` takes for outputs [y, y + count): no filters if nothing is asked for."""
    return down[y + AHEAD - 1 : y + AHEAD + count] if cold else down[:0]


@kernel
def new_rows(later: NDArray[np.int32], r: int) -> tuple[int, int]:
    """The source row to ask for first while output r is summed, and how many.

    later: int32 [up to outputs + 1, 1 + taps], a row's source rows begin at column 0; what each has
    and the one before it has not is new.
    """
    if r + 1 >= later.shape[0]:
        return 0, 0
    return later[r, 0] + later.shape[1] - 1, later[r + 1, 0] - later[r, 0]


@kernel
def step_of(later: NDArray[np.int32], size: int) -> int:
    """How many bytes of a row to sum before asking again; all of them if nothing is asked for."""
    return PART if later.shape[0] > 1 else max(1, size)


@kernel
def ask_for(address: int, rows: int, stride: int) -> None:
    """Ask for PART bytes of so many rows. Any address will do, those beyond a row's end as well."""
    for _ in range(rows):
        for line in range(0, PART, _CACHE_LINE):
            prefetch(address + line)
        address += stride
