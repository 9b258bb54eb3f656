"""What threads of the roi pipeline do with a piece of a batch: read and plan it, then make it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.jpeg.seek import FRAME
from fasttricks.pipelines.decode.decoder import Worker
from fasttricks.pipelines.decode.picture import TASK, UINT8, Mixture, Work
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.finishing import plan_rows
from fasttricks.pipelines.groups import Group
from fasttricks.pipelines.job import Indices, Job
from fasttricks.pipelines.recycle import Spare
from fasttricks.pipelines.roi.reader import Reader, decoded
from fasttricks.pipelines.roi.schedule import Chunk, PendingBatch


class Maker:
    """Makes pieces for several threads."""

    def __init__(self, fetch: Fetcher, reader: Reader, form: int, exact: bool) -> None:
        """form: one of those of `finish_numba`; UINT8 to stop before finishing."""
        self._fetch, self._read = fetch, reader
        self._form, self._exact = form, exact
        self._unmixed = Spare()

    def chunk(self, job: Job, pending: PendingBatch, first: int, count: int) -> Chunk:
        """Read and plan samples of a batch; runs in the reading threads."""
        piece = self._read(pending.samples[first : first + count], job.epoch)
        tasks, frames = piece.tasks, piece.frames
        planned = plan_rows(job, piece.shown, tasks["height"], tasks["width"])
        if job.views > 1:
            tasks, frames = np.tile(tasks, job.views), np.tile(frames, job.views)
        return Chunk(pending, first, piece, planned, tasks, frames)

    def __call__(self, worker: Worker, chunk: Chunk, job: Job) -> None:
        """Make the rows of a piece; by PIL those that the decoder complains about."""
        pending, piece, count = chunk.pending, chunk.piece, len(chunk.piece.shown)
        group, slots = pending.group(chunk.first), pending.slots(chunk.first, count)
        pending.matrices[slots] = chunk.planned.matrices
        mixed = group is not None and self._make_mixed(worker, chunk, group)
        repaired = 0 if mixed else self._make_rows(worker, chunk, slots, job)
        counts = self._read.counts(piece) + Counter(repaired=repaired)
        self._read.free(piece)
        if group is not None and not mixed and group.add(count):
            self._mix(pending, group)
        if pending.add(chunk.first, piece.shown, piece.replaced, counts):
            pending.finish()

    def _make_mixed(self, worker: Worker, chunk: Chunk, group: Group) -> bool:
        """Finish the pictures of a group while they are made; False if that cannot be done, as
        not all of them are here or one has to be repaired."""
        pending, samples = chunk.pending, group.samples
        count, batch = samples.stop - samples.start, len(pending.samples)
        if len(chunk.piece.shown) < count:
            return False
        assert pending.wanted is not None
        assert pending.pixels is not None
        mixture = Mixture(
            wanted=pending.wanted,
            outputs=np.concatenate(group.outputs(pending.wanted.outputs, batch)),
            first=samples.start,
            length=count,
            batch=batch,
            matrices=pending.matrices,
            out=pending.pixels,
            form=self._form,
        )
        size = pending.pixels.shape[1]
        none = np.empty((0, size, size, 3), np.uint8)  # the worker has places for pictures
        work = self._work(chunk, np.zeros(len(chunk.tasks), np.int64), none, UINT8)
        return worker.make_mixed(work, mixture)

    def _make_rows(self, worker: Worker, chunk: Chunk, slots: Indices, job: Job) -> int:
        """How many of the samples PIL had to decode, as the decoder complained about them."""
        work, repaired = self._placed(chunk, slots), 0
        worker.make(work)
        by_view = work.done.reshape(-1, len(chunk.piece.shown))
        for position in np.flatnonzero((by_view == 0).any(axis=0)).tolist():
            found = self._repair(worker, chunk, position, job)
            chunk.piece.put(position, found)
            repaired += found.replaced is None
        return repaired

    def _mix(self, pending: PendingBatch, group: Group) -> None:
        """Finish the pictures of a group, all of which are there."""
        assert pending.wanted is not None
        assert pending.pixels is not None
        group.mix(pending.wanted, pending.matrices, pending.pixels, self._form, self._unmixed)

    def _placed(self, chunk: Chunk, slots: Indices) -> Work:
        """Rows that are made where they belong: in these slots of the batch, or in their group."""
        pending, out = chunk.pending, chunk.pending.pixels
        assert out is not None
        if (group := pending.group(chunk.first)) is None:
            return self._work(chunk, slots, out, self._form)
        views = len(pending.matrices) // len(pending.samples)
        slots = group.slots(chunk.first, len(chunk.tasks) // views)
        return self._work(chunk, slots, group.pixels(self._unmixed, out.shape[1]), UINT8)

    def _work(self, chunk: Chunk, slots: Indices, out: npt.NDArray[np.generic], form: int) -> Work:
        return Work(
            tasks=chunk.tasks,
            frames=chunk.frames,
            plans=chunk.planned.geometry,
            matrices=chunk.planned.matrices,
            ops=chunk.planned.ops,
            slots=slots,
            out=out,
            form=form,
            exact=int(self._exact),
            done=np.zeros(len(chunk.tasks), np.int64),
        )

    def _repair(self, worker: Worker, chunk: Chunk, position: int, job: Job) -> Fetched:
        """All views of one sample by way of PIL; of the next good one where PIL fails too.

        Raises:
            BadSampleError: PIL cannot decode it either, and `on_error` is "raise".
        """
        pending, first = chunk.pending, chunk.first + position
        found, pixels = self._fetch.decoded(int(pending.samples[first]), job.epoch)
        planned = plan_rows(job, [found.index], [pixels.shape[0]], [pixels.shape[1]])
        tasks = np.array([decoded(pixels)] * job.views, TASK)
        again = Chunk(pending, first, chunk.piece, planned, tasks, np.zeros(job.views, FRAME))
        slots = pending.slots(first, 1)
        worker.make(self._placed(again, slots))
        pending.matrices[slots] = planned.matrices
        return found
