"""Batches of the roi pipeline while threads make them, piece by piece."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.read_ahead import read_ahead
from fasttricks.kernels.mix.plan import Mixing
from fasttricks.kernels.mix.pool import Wanted, wanted_of
from fasttricks.pipelines.finishing import Planned
from fasttricks.pipelines.groups import Group, groups_of
from fasttricks.pipelines.job import Indices, Replaced
from fasttricks.pipelines.pending import Pending, PendingBatches
from fasttricks.pipelines.recycle import Claim
from fasttricks.pipelines.roi.reader import PIECE_BYTES, Piece

LEAST, MOST = 4, 64  # samples of a piece: enough that what Python does for it is little
AHEAD = 3  # pieces that are read ahead


def piece_size(count: int, left: int, threads: int, mean_bytes: int, alone: bool) -> int:
    """How many samples to take at once, of a batch of `count` with `left` not taken yet.

    So few that all threads have some, and that they do not take more than `PIECE_BYTES`. Where no
    other batch is begun before this one is finished (`alone`), ever fewer towards the end, so that
    all threads end together.
    """
    shared = (left if alone else count) // threads
    return min(left, max(LEAST, min(shared, MOST, PIECE_BYTES // max(1, mean_bytes))))


class PendingBatch(Pending):
    """A batch of b samples in the making: R = views * b rows, view-major.

    Attributes:
        images: [B, size, size, 3] once a thread has begun it; `pixels` is the same for `Work.out`.
            B = R, or as many as `mixing` describes.
        matrices: float32 [R, 3, 4].
        mixing: what is drawn for it, if anything.
        groups: in which its pictures are mixed, if they are.
        wanted: what they are mixed to; None without groups.
        shown: int64 [b], the samples after replacing.
        counts: for `Loader.stats`.
    """

    def __init__(
        self,
        samples: Indices,
        views: int,
        blocks: int,
        mixing: Mixing | None = None,
        span: int = 0,
    ) -> None:
        """samples: int64 [b]. blocks: see `Claim`. span: of the samples that are mixed with each
        other before the batch is finished, see `kernels.mix.plan`; 0 if none are."""
        super().__init__(blocks)
        self.samples = samples
        self.mixing = mixing
        self.groups: list[Group] = []
        self.wanted: Wanted | None = None
        if span and mixing is not None:
            self.groups = groups_of(len(samples), views, span)
            self.wanted = wanted_of(mixing, views * len(samples))
        self.images: torch.Tensor | None = None
        self.pixels: npt.NDArray[Any] | None = None
        self.matrices = np.empty((views * len(samples), 3, 4), np.float32)
        self.shown = np.empty(len(samples), np.int64)
        self.counts: dict[str, int] = {}
        self._views = views
        self._replaced: dict[int, Replaced] = {}
        self._left = len(samples)
        self._lock = threading.Lock()

    @property
    def replaced(self) -> list[Replaced]:
        """What was replaced, in the order of the samples."""
        return [self._replaced[position] for position in sorted(self._replaced)]

    def slots(self, first: int, count: int) -> npt.NDArray[np.int64]:
        """The rows of `count` samples from the `first` on, int64 [views * count], view-major."""
        starts = np.arange(first, len(self.matrices), len(self.samples))
        return (starts[:, None] + np.arange(count)).reshape(-1)

    def group(self, first: int) -> Group | None:
        """The group of a sample; None if none are mixed."""
        if not self.groups:
            return None
        each = self.groups[0].samples.stop
        return self.groups[first // each]

    def lay(self, images: torch.Tensor) -> None:
        """This is the memory of its images."""
        self.images = images
        bits = images.view(torch.uint16) if images.dtype.itemsize == 2 else images
        self.pixels = bits.numpy()

    def add(
        self, first: int, shown: Indices, replaced: Mapping[int, Replaced], counts: dict[str, int]
    ) -> bool:
        """Note that these samples are done, from the `first` on; True for the last ones: `finish`.

        replaced: by position among these.
        """
        self.shown[first : first + len(shown)] = shown
        with self._lock:
            self._replaced.update({first + position: it for position, it in replaced.items()})
            for name, number in counts.items():
                self.counts[name] = self.counts.get(name, 0) + number
            self._left -= len(shown)
            return self._left == 0

    def finish(self) -> None:
        """All of it is there."""
        self.pixels = None
        super().finish()


@dataclass(slots=True)
class Chunk:
    """Samples of a batch that were read: R rows, view-major, of r samples."""

    pending: PendingBatch
    first: int
    """Which sample of the batch is the first."""
    piece: Piece
    planned: Planned
    tasks: npt.NDArray[np.void]
    """TASK [R], with addresses of what `piece` holds."""
    frames: npt.NDArray[np.void]
    """FRAME [R]"""


class Schedule:
    """The batches of an epoch on their way: threads take pieces of them, in order, and make them.

    A piece is as large as `piece_size` says; where pictures are mixed it is a group that can be
    made at once, or lies in one that cannot (see `pipelines.groups`).

    No more batches are begun than there is memory for, so the threads rest while the caller has
    not taken what is finished.
    """

    def __init__(
        self,
        batches: list[Indices],
        threads: int,
        readers: ThreadPoolExecutor,
        begin: Callable[[int], PendingBatch],
        read: Callable[[PendingBatch, int, int], Chunk],
        claim: Callable[[PendingBatch], torch.Tensor],
        hurry: Callable[[Claim], None],
        alone: bool = False,
    ) -> None:
        """begin: the `PendingBatch` of a step. read: a piece of it (first sample, count), called in
        `readers`. claim: memory for its images; may wait until `hurry` is called. alone: there is
        none for the next batch before one is finished."""
        self._batches, self._threads, self._alone = batches, threads, alone
        self._read, self._claim = read, claim
        self._pending = PendingBatches(begin, hurry)
        self._chunks = read_ahead(readers, self._chunk, self._pieces(), AHEAD)
        self._mean_bytes = 110_000  # of ImageNet, until it is known
        self._taking = threading.Lock()

    def take(self) -> Chunk | None:
        """The next piece, when there is memory for it; None: there is nothing more to do."""
        with self._taking:
            chunk = None if self._pending.stopped else next(self._chunks, None)
            if chunk is None:
                self._pending.stopped = True
                return None
            self._mean_bytes = chunk.piece.bytes // len(chunk.piece.shown)
            if chunk.pending.images is None:
                if not self._pending.may_await(chunk.pending.claim):
                    return None
                chunk.pending.lay(self._claim(chunk.pending))
            return chunk

    def result(self, step: int) -> PendingBatch:
        """Wait for a batch; each can be had once.

        Raises:
            Exception: what kept it from being made.
        """
        return self._pending.result(step)

    def stop(self, error: BaseException | None = None) -> None:
        """Let `take` give nothing more; with an error, no batch will be finished any more."""
        self._pending.stop(error)

    def close(self) -> None:
        """Give up what was read; after `stop`."""
        with self._taking:  # a thread that could not be waited for may still be here
            self._chunks.close()

    def _pieces(self) -> Generator[tuple[PendingBatch, int, int]]:
        for step, samples in enumerate(self._batches):
            pending, first = self._pending[step], 0
            while left := len(samples) - first:
                size = piece_size(len(samples), left, self._threads, self._mean_bytes, self._alone)
                if group := pending.group(first):
                    rest = group.samples.stop - first
                    size = rest if group.at_once else min(size, rest)
                yield pending, first, size
                first += size

    def _chunk(self, piece: tuple[PendingBatch, int, int]) -> Chunk | None:
        """Read a piece; runs in the reading threads."""
        try:
            return self._read(*piece)
        except Exception as error:
            piece[0].fail(error)
            return None
