"""Random numbers of a batch for mixing, each a pure function of its counter (see `plan_mix`)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.philox import Word, below, philox, unit
from fasttricks.kernels.plan import normals

Ints = NDArray[np.int64]

_NUMBER = 1 << 16  # what the second counter word counts beside views
_WHICH = 1 << 12


@kernel
def _blocks(
    positions: Ints, views: Ints, number: int, epoch: int, stream: int, seed: Word, out: Ints
) -> None:
    for i in range(len(positions)):
        block = philox(positions[i], views[i] + number * _NUMBER, epoch, stream, seed)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = block


def blocks(positions: Ints, views: Ints, number: int, epoch: int, stream: int, seed: int) -> Ints:
    """One Philox block for each of B samples: int64 [B, 4], values below 2**32."""
    out = np.empty((len(positions), 4), np.int64)
    _blocks(positions, views, number, epoch, stream, np.uint64(seed), out)
    return out


@kernel
def _log_gamma(
    alpha: float, position: int, view: int, epoch: int, stream: int, seed: Word
) -> float:
    """The logarithm of a Gamma(alpha, 1) value: the value itself may be too small for a float64.

    The method of Marsaglia and Tsang, "A simple method for generating gamma variables" (2000), for
    alpha + 1, and the power of a uniform value that leads down to alpha.
    """
    d = alpha + 2.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    attempt = 0
    while True:
        r0, r1, r2, r3 = philox(position, view + attempt * _NUMBER, epoch, stream, seed)
        x, _, _ = normals(r0, r1, r2, r3)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(1.0 - unit(r2)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return math.log(d * v) + math.log(1.0 - unit(r3)) / alpha
        attempt += 1


@kernel
def _betas(
    alpha: float,
    positions: Ints,
    views: Ints,
    which: int,
    epoch: int,
    stream: int,
    seed: Word,
    out: NDArray[np.float64],
) -> None:
    for i in range(len(positions)):
        view = views[i] + which * _WHICH
        a = _log_gamma(alpha, positions[i], view, epoch, stream, seed)
        b = _log_gamma(alpha, positions[i], view, epoch, stream + 1, seed)
        out[i] = 1.0 / (1.0 + math.exp(min(700.0, b - a)))


def betas(
    alpha: float, positions: Ints, views: Ints, which: int, epoch: int, stream: int, seed: int
) -> NDArray[np.float64]:
    """A Beta(alpha, alpha) value for each of B samples, float64 [B] in [0, 1]."""
    out = np.empty(len(positions))
    _betas(float(alpha), positions, views, which, epoch, stream, np.uint64(seed), out)
    return out


@kernel
def _permutations(
    firsts: Ints, views: Ints, group: int, epoch: int, stream: int, seed: Word, out: Ints
) -> None:
    count = out.shape[1]
    for i in range(len(firsts)):
        row = out[i]
        for begin in range(0, count, group):
            end = min(begin + group, count)
            for number in range(begin, end):
                row[number] = number
            for last in range(end - 1, begin, -1):
                second = views[i] + (last - begin) * _NUMBER
                high, low, _, _ = philox(firsts[i] + begin, second, epoch, stream, seed)
                other = begin + np.int64(below(high, low, last - begin + 1))
                row[last], row[other] = row[other], row[last]


def permutations(
    firsts: Ints, views: Ints, count: int, group: int, epoch: int, stream: int, seed: int
) -> Ints:
    """K times the numbers below `count` in random order inside each `group`, int64 [K, count].

    Args:
        firsts: int64 [K], the position of number 0.
        views: int64 [K].
        count: numbers that are permuted.
        group: consecutive numbers that stay together; below 2**16.
    """
    out = np.empty((len(firsts), count), np.int64)
    _permutations(firsts, views, group, epoch, stream, np.uint64(seed), out)
    return out
