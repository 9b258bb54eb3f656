"""What a loader asks of a back end, and what it gets: jobs and batches."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.kernels.augment import OpsParams, PlanParams
from fasttricks.kernels.mix.kinds import Mix
from fasttricks.kernels.mix.plan import Mixing, Place, plan_mix, plan_mixes

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A sample that could not be decoded and what stands in its place (`on_error="replace"`)."""

    epoch: int
    index: int
    name: str
    cause: str
    replacement: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is left of an epoch for one rank: the only input of a back end."""

    seed: int
    epoch: int
    params: PlanParams
    batches: list[Indices]
    """Sample indices per step, int64 [b], never empty; all of the same length but perhaps the
    last."""
    mix: tuple[Mix, ...] = ()
    places: list[Place] = field(default_factory=list)
    """Where each batch stands in the epoch."""
    views: int = 1
    ops: OpsParams | None = None
    """How to draw what is done to uint8 pixels before they are finished; None: nothing."""

    def only(self, step: int) -> Job:
        """A job of this step alone."""
        places = self.places[step : step + 1]
        return replace(self, batches=[self.batches[step]], places=places)

    def mixing(self, step: int) -> Mixing | None:
        """Draw what the pictures of a step are mixed from; None if nothing is mixed.

        Back ends finish the batch with it, `finish(..., mix=...)`, and hand it over as
        `Batch.mixing`.
        """
        return self.mixings(range(step, step + 1))[0]

    def mixings(self, steps: range) -> list[Mixing] | list[None]:
        """`mixing` of several steps, which costs little more than that of one."""
        if not self.mix:
            return [None] * len(steps)
        found, size = [], self.params.size
        for length, same in groupby(steps, lambda step: len(self.batches[step])):
            places = [self.places[step] for step in same]
            found += plan_mixes(self.mix, places, length, self.views, size, size)
        return found


@dataclass(slots=True, kw_only=True)
class Batch:
    """What a back end yields for one step, view-major."""

    images: torch.Tensor
    """[B, 3, size, size] channels_last on the loader's device; uint8 for work="decode". B is
    views * b, or as many as `mixing` describes."""
    indices: Indices
    """int64 [b], the samples shown, after replacing."""
    mixing: Mixing | None = None
    """What `Job.mixing` drew for the images; their targets are mixed by it."""
    replaced: list[Replaced] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Added to `Loader.stats`: "odd" pictures that took the shared PIL path, for instance."""


def empty_batch(job: Job, device: torch.device, dtype: torch.dtype) -> Batch:
    """What a rank gets whose part of a last batch is empty."""
    size, here = job.params.size, Place(job.seed, job.epoch, 0, 0)
    return Batch(
        images=torch.empty(0, 3, size, size, dtype=dtype, device=device),
        indices=np.empty(0, np.int64),
        mixing=plan_mix(job.mix, here, 0, 1, 1, 1) if job.mix else None,
    )


def view_rows(indices: Indices, views: int) -> tuple[Indices, Indices]:
    """(sample index, view) of each row of a batch, int64 [views * b] each, view-major."""
    return np.tile(indices, views), np.repeat(np.arange(views), len(indices))


def own_part(chosen: Indices, rank: int, world_size: int) -> Indices:
    """This rank's share of a global batch: its `rank`-th part, sizes differing by at most one."""
    n = len(chosen)
    return chosen[rank * n // world_size : (rank + 1) * n // world_size]
