"""Mixing while pictures are made: only those that outputs wait for are kept, in places used again.

In the order of `mix_order` few pictures wait at a time, three with mixup, so that they stay in the
cache of the core that makes them. Code that makes pictures calls for each output in turn: `reserve`
for those of its sources that are not there yet, then `finish_output`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.finish_numba import finish_mixed
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.mix.description import MIX
from fasttricks.kernels.mix.order import call_source, mix_order, source_of
from fasttricks.kernels.mix.plan import Mixing
from fasttricks.kernels.rgb import copy

Bytes = npt.NDArray[np.uint8]


class Wanted(NamedTuple):
    """What the R rows of a batch are mixed to, B outputs, and where rows are meanwhile.

    Threads may make different parts of it at the same time.
    """

    mixes: npt.NDArray[Any]
    """MIX [B], right as what `plan_mix` draws."""
    outputs: npt.NDArray[np.int64]
    """As in `Order`, as is what follows."""
    starts: npt.NDArray[np.int64]
    uses: npt.NDArray[np.int64]
    """Lowered as the outputs are made."""
    places: npt.NDArray[np.int64]
    """[R], where in its thread's pool a row is; -1: it is not made yet."""


def wanted_of(mixing: Mixing, rows: int) -> Wanted:
    """What was drawn for a batch of R rows."""
    order = mix_order(mixing.mixes, rows)
    return Wanted(mixing.mixes, *order, places=np.full(rows, -1))


class Pool(NamedTuple):
    """A thread's places for n pictures."""

    pictures: Bytes
    """uint8 [n, H, W, 3], upright."""
    matrices: npt.NDArray[np.float32]
    """[n, 3, 4]"""
    upright: npt.NDArray[np.uint8]
    """[n], zeros: none is flipped any more."""
    free: npt.NDArray[np.int64]
    """[n + 1], how many places are free, and these, of which the last one given back is last."""
    mix: npt.NDArray[Any]
    """MIX [1], of the output being made, with places for sources."""


@kernel
def empty_pool(pictures: Bytes) -> Pool:
    """A pool whose places all are free."""
    count = pictures.shape[0]
    free = np.arange(-1, count)
    free[0] = count
    upright = np.zeros(count, np.uint8)
    return Pool(pictures, np.empty((count, 3, 4), np.float32), upright, free, np.empty(1, MIX))


@kernel
def reserve(wanted: Wanted, row: int, pool: Pool) -> int:
    """A place for a row that is not made yet, which has to be made there next."""
    taken = pool.free[pool.free[0]]
    pool.free[0] -= 1
    wanted.places[row] = taken
    return taken


@kernel
def finish_output(
    wanted: Wanted,
    output: int,
    pool: Pool,
    matrices: npt.NDArray[np.float32],
    out: npt.NDArray[Any],
    form: int,
) -> None:
    """Finish and mix an output whose rows are all in the pool; those that no other needs leave.

    Args:
        matrices: float32 [R, 3, 4], of the rows.
        out: [B, H, W, 3], as `finish_mixed` takes it with `form`.
    """
    pool.mix[0] = wanted.mixes[output]
    for number in range(pool.mix[0].count + 1):
        row = source_of(wanted.mixes, output, number)
        if row >= 0:
            taken = wanted.places[row]
            call_source(pool.mix, 0, number, taken)
            # Not `matrices[taken] = ...`: numba compiles for seconds what such an assignment says
            # where shapes differ.
            matrix = np.int64(matrices[row].ctypes.data)
            copy(np.int64(pool.matrices[taken].ctypes.data), matrix, pool.matrices.strides[0])
    one = out[output : output + 1]
    finish_mixed(pool.pictures, pool.matrices, pool.upright, pool.mix, one, form, 0, 1)
    for number in range(pool.mix[0].count + 1):
        row = source_of(wanted.mixes, output, number)
        if row >= 0:
            wanted.uses[row] -= 1
            if wanted.uses[row] == 0:
                pool.free[0] += 1
                pool.free[pool.free[0]] = wanted.places[row]
