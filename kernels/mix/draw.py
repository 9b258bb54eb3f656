"""The random numbers of `kernels.mix.plan`, for all outputs of some batches at once.

Counter layout, beside those of `kernels.plan`: (position, view + 2^16 * n, epoch, stream), key =
seed, where n counts tries, steps of a permutation, or rectangles.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.draws import betas, blocks, permutations

CHOICE, SHARES, PARTNERS, RECTANGLE, NOISE = 39, 40, 42, 46, 47
"""Streams. SHARES takes two, PARTNERS four, one for each permutation."""
SLOT = 512
"""Blocks of RECTANGLE that one mix of several may use."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


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
        place = self.place
        return betas(alpha, self._at(per), self.view, which, place.epoch, SHARES, place.seed)

    def uniform(self, number: int, per: str = "sample", stream: int = RECTANGLE) -> Floats:
        """Four values in [0, 1) for each output, [B, 4]."""
        words = blocks(self._at(per), self.view, number, self.place.epoch, stream, self.place.seed)
        return np.asarray(words * 2.0**-32, np.float64)

    def choice(self, weights: Sequence[float], probability: float, per: str) -> Ints:
        """Which of some things each output gets, [B]; -1: none."""
        uniform, upto = self.uniform(0, per, CHOICE), np.cumsum(weights)
        which = np.searchsorted(upto, uniform[:, 1] * upto[-1], side="right")
        return np.where(uniform[:, 0] < probability, which, -1)

    def noise_keys(self) -> npt.NDArray[np.uint32]:
        """[B, 2]"""
        words = blocks(self._position, self.view, 0, self.place.epoch, NOISE, self.place.seed)
        return words[:, :2].astype(np.uint32)

    def partners(self, which: int = 0) -> Ints:
        """A row of the same view for each output, [B]: a permutation inside each group."""
        place, stream = self.place, PARTNERS + which
        firsts = np.repeat(self._firsts, self._views)
        views = np.tile(np.arange(self._views), self._steps)
        found = permutations(
            firsts, views, self.count, place.group, place.epoch, stream, place.seed
        )
        return self.view * self.count + found.reshape(-1)[self._outputs]

    def _at(self, per: str) -> Ints:
        """The positions that draws belong to."""
        return self._position if per == "sample" else self._batch
