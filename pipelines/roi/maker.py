"""What threads of the roi pipeline do with a piece of a batch: read and plan it, then make it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import DataError
from fasttricks.kernels.jpeg.seek import FRAME
from fasttricks.pipelines.decode.decoder import Worker
from fasttricks.pipelines.decode.picture import TASK, UINT8, Mixture, Work
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.finishing import plan_rows
from fasttricks.pipelines.groups import Group, Spare
from fasttricks.pipelines.job import Indices, Job
from fasttricks.pipelines.roi.line import Feed, Making
from fasttricks.pipelines.roi.reader import Reader, decoded


class Maker:
    """Makes pieces for several threads."""

    def __init__(self, fetch: Fetcher, reader: Reader, form: int, exact: bool) -> None:
        """form: one of those of `finish_numba`; UINT8 to stop before finishing."""
        self._fetch, self._read = fetch, reader
        self._form, self._exact = form, exact
        self._unmixed = Spare()

    def feed(self, job: Job, making: Making, first: int, count: int) -> Feed:
        """Read and plan samples of a batch; runs in the reading threads."""
        piece = self._read(making.samples[first : first + count], job.epoch)
        tasks, frames = piece.tasks, piece.frames
        planned = plan_rows(job, piece.shown, tasks["height"], tasks["width"])
        if job.views > 1:
            tasks, frames = np.tile(tasks, job.views), np.tile(frames, job.views)
        return Feed(making, first, piece, planned, tasks, frames)

    def __call__(self, worker: Worker, feed: Feed, job: Job) -> None:
        """Make the rows of a piece; by PIL those that the decoder complains about."""
        making, piece, count = feed.making, feed.piece, len(feed.piece.shown)
        group, slots = making.group(feed.first), making.slots(feed.first, count)
        making.matrices[slots] = feed.planned.matrices
        mixed = group is not None and self._make_mixed(worker, feed, group)
        if not mixed:
            self._make_rows(worker, feed, slots, job)
        counts = self._read.counts(piece)
        self._read.free(piece)
        if group is not None and not mixed and group.add(count):
            self._mix(making, group)
        if making.add(feed.first, piece.shown, piece.replaced, counts):
            making.finish()

    def _make_mixed(self, worker: Worker, feed: Feed, group: Group) -> bool:
        """Finish the pictures of a group while they are made; False if that cannot be done, as
        not all of them are here or one has to be repaired."""
        making, samples = feed.making, group.samples
        count, batch = samples.stop - samples.start, len(making.samples)
        if len(feed.piece.shown) < count:
            return False
        assert making.wanted is not None
        assert making.pixels is not None
        mixture = Mixture(
            wanted=making.wanted,
            outputs=np.concatenate(group.outputs(making.wanted.outputs, batch)),
            first=samples.start,
            length=count,
            batch=batch,
            matrices=making.matrices,
            out=making.pixels,
            form=self._form,
        )
        size = making.pixels.shape[1]
        none = np.empty((0, size, size, 3), np.uint8)  # the worker has places for pictures
        work = self._work(feed, np.zeros(len(feed.tasks), np.int64), none, UINT8)
        return worker.make_mixed(work, mixture)

    def _make_rows(self, worker: Worker, feed: Feed, slots: Indices, job: Job) -> None:
        work = self._placed(feed, slots)
        worker.make(work)
        by_view = work.done.reshape(-1, len(feed.piece.shown))
        for position in np.flatnonzero((by_view == 0).any(axis=0)).tolist():
            feed.piece.put(position, self._repair(worker, feed, position, job))

    def _mix(self, making: Making, group: Group) -> None:
        """Finish the pictures of a group, all of which are there."""
        assert making.wanted is not None
        assert making.pixels is not None
        group.mix(making.wanted, making.matrices, making.pixels, self._form, self._unmixed)

    def _placed(self, feed: Feed, slots: Indices) -> Work:
        """Rows that are made where they belong: in these slots of the batch, or in their group."""
        making, out = feed.making, feed.making.pixels
        assert out is not None
        if (group := making.group(feed.first)) is None:
            return self._work(feed, slots, out, self._form)
        views = len(making.matrices) // len(making.samples)
        slots = group.slots(feed.first, len(feed.tasks) // views)
        return self._work(feed, slots, group.pixels(self._unmixed, out.shape[1]), UINT8)

    def _work(self, feed: Feed, slots: Indices, out: npt.NDArray[np.generic], form: int) -> Work:
        return Work(
            tasks=feed.tasks,
            frames=feed.frames,
            plans=feed.planned.geometry,
            matrices=feed.planned.matrices,
            stages=feed.planned.stages,
            slots=slots,
            out=out,
            form=form,
            exact=int(self._exact),
            done=np.zeros(len(feed.tasks), np.int64),
        )

    def _repair(self, worker: Worker, feed: Feed, position: int, job: Job) -> Fetched:
        """All views of one sample by way of PIL; of the next good one where PIL fails too.

        Raises:
            BadSampleError: PIL cannot decode it either, and `on_error` is "raise".
        """
        making, piece = feed.making, feed.piece
        asked = int(making.samples[feed.first + position])
        found = piece.fetched.get(position)
        if found is None:
            found = self._fetch(asked, job.epoch)
        while True:
            try:
                pixels = found.pixels if found.pixels is not None else decode_rgb(found.data)
                break
            except DataError as error:
                self._fetch.mark(found.index, str(error))
                found = self._fetch(asked, job.epoch)
        planned = plan_rows(job, np.array([found.index]), [pixels.shape[0]], [pixels.shape[1]])
        tasks = np.array([decoded(pixels)] * job.views, TASK)
        first = feed.first + position
        again = Feed(making, first, piece, planned, tasks, np.zeros(job.views, FRAME))
        slots = making.slots(first, 1)
        worker.make(self._placed(again, slots))
        making.matrices[slots] = planned.matrices
        return found
