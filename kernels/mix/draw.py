"""The random numbers of `kernels.mix.plan`, for all outputs of some batches at once.

Counter layout, beside those of `kernels.plan`: (position, view + 2^16 * n, epoch, stream), key =
seed, where n counts tries, steps of a permutation, or rectangles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.philox import Word, below, philox, unit
from fasttricks.kernels.plan import normals

CHOICE, SHARES, PARTNERS, RECTANGLE, NOISE = 39, 40, 42, 46, 47
"""Streams. SHARES takes two, PARTNERS four, one for each permutation."""
SLOT = 512
"""Blocks of RECTANGLE that one mix of several may use."""

_NUMBER = 1 << 16  # what the second counter word counts beside views
_WHICH = 1 << 12

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@kernel
def blocks(positions: Ints, views: Ints, number: int, epoch: int, stream: int, seed: Word) -> Ints:
    """One Philox block for each of B samples: int64 [B, 4], values below 2**32."""
    out = np.empty((len(positions), 4), np.int64)
    for i in range(len(positions)):
        block = philox(positions[i], views[i] + number * _NUMBER, epoch, stream, seed)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = block
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
def betas(
    alpha: float, positions: Ints, views: Ints, which: int, epoch: int, stream: int, seed: Word
) -> Floats:
    """A Beta(alpha, alpha) value for each of B samples, float64 [B] in [0, 1]."""
    out = np.empty(len(positions))
    for i in range(len(positions)):
        view = views[i] + which * _WHICH
        a = _log_gamma(alpha, positions[i], view, epoch, stream, seed)
        b = _log_gamma(alpha, positions[i], view, epoch, stream + 1, seed)
        out[i] = 1.0 / (1.0 + math.exp(min(700.0, b - a)))
    return out


@kernel
def permutations(
    firsts: Ints, views: Ints, count: int, group: int, epoch: int, stream: int, seed: Word
) -> Ints:
    """K times the numbers below `count` in random order inside each `group`, int64 [K, count].

    Args:
        firsts: int64 [K], the position of number 0.
        views: int64 [K].
        count: numbers that are permuted.
        group: consecutive numbers that stay together; below 2**16.
    """
    out = np.empty((len(firsts), count), np.int64)
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
    return out


class Place(NamedTuple):
    """Where a rank's batch stands in an epoch."""

    seed: int
    epoch: int
    first: int
    """Position of the rank's first sample in the epoch's global order."""
    batch: int
    """Position at which the step begins, the same on all ranks."""
    group: int = 32
    """Partners are found inside this many consecutive samples."""


class Draw:
    """The rows of S batches of one epoch, and the random numbers that belong to them.

    Attributes:
        place: of the first of them.
        own: int64 [B], each output's own input row in its batch. Outputs stand batch after batch,
            and in each of them view-major.
        view: int64 [B]
    """

    def __init__(
        self,
        places: Sequence[Place],
        count: int,
        views: int,
        pictures: int,
        height: int,
        width: int,
    ) -> None:
        """count: samples of a batch, of which `pictures` are read for one output."""
        self.place, self.count, self.height, self.width = places[0], count, height, width
        self._epoch, self._seed = places[0].epoch, np.uint64(places[0].seed)
        self._steps, self._views = len(places), views
        starts = np.arange(0, count, pictures)
        self.view = np.tile(np.repeat(np.arange(views), len(starts)), self._steps)
        self.own = self.view * count + np.tile(starts, self._steps * views)
        each = views * len(starts)
        self._firsts = np.array([place.first for place in places])
        self._position = np.repeat(self._firsts, each) + np.tile(starts, self._steps * views)
        self._batch = np.repeat([place.batch for place in places], each)
        self._outputs: Ints | slice = slice(None)

    def only(self, outputs: Ints) -> Draw:
        """The same for some of the outputs, int64 [b]: what each of them gets does not change."""
        part = copy(self)
        part._outputs = outputs
        part.own, part.view = self.own[outputs], self.view[outputs]
        part._position, part._batch = self._position[outputs], self._batch[outputs]
        return part

    def share(self, alpha: float, per: str, which: int = 0) -> Floats:
        """Beta(alpha, alpha) for each output, [B]; `which` tells several apart."""
        at = self._at(per), self.view, which
        return betas(float(alpha), *at, self._epoch, SHARES, self._seed)

    def uniform(self, number: int, per: str = "sample", stream: int = RECTANGLE) -> Floats:
        """Four values in [0, 1) for each output, [B, 4]."""
        words = blocks(self._at(per), self.view, number, self._epoch, stream, self._seed)
        return np.asarray(words * 2.0**-32, np.float64)

    def choice(self, weights: Sequence[float], probability: float, per: str) -> Ints:
        """Which of some things each output gets, [B]; -1: none."""
        uniform, upto = self.uniform(0, per, CHOICE), np.cumsum(weights)
        which = np.searchsorted(upto, uniform[:, 1] * upto[-1], side="right")
        return np.where(uniform[:, 0] < probability, which, -1)

    def noise_keys(self) -> npt.NDArray[np.uint32]:
        """[B, 2]"""
        words = blocks(self._position, self.view, 0, self._epoch, NOISE, self._seed)
        return words[:, :2].astype(np.uint32)

    def partners(self, which: int = 0) -> Ints:
        """A row of the same view for each output, [B]: a permutation inside each group."""
        firsts = np.repeat(self._firsts, self._views)
        views = np.tile(np.arange(self._views), self._steps)
        inside = self.count, self.place.group
        found = permutations(firsts, views, *inside, self._epoch, PARTNERS + which, self._seed)
        return self.view * self.count + found.reshape(-1)[self._outputs]

    def _at(self, per: str) -> Ints:
        """The positions that draws belong to."""
        return self._position if per == "sample" else self._batch
