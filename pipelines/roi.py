"""Our own pipeline: only what the crop needs is decoded, by threads that never hold the GIL.

Reading threads read, probe and plan pieces of batches ahead of the decoding threads. Each of those
takes a piece and makes its pictures completely, one by one: decode, resize, finish.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue
from threading import Lock

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.pixels import Pixels, decode_rgb
from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.finish import FORMS
from fasttricks.kernels.jpeg_seek import FRAME
from fasttricks.kernels.steps import STEP, STEPS
from fasttricks.pipelines import roi_decoder
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.finishing import Planned, finish_rows, finished_rows, plan_rows
from fasttricks.pipelines.job import Batch, Job
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.roi_batch import Feed, Line, Making
from fasttricks.pipelines.roi_picture import JPEG, PIXELS, TASK, UINT8, Work
from fasttricks.pipelines.roi_stages import measure

READERS = 2  # threads that read; each picture costs them some 50 microseconds
KEPT = 4  # batches whose memory is used again
LARGE = 256 << 20
"""Bytes of batches beyond which a third is not begun while the caller has one and another is made:
the threads then rest for the moment from the end of a batch until the caller gives back the one
before. Less memory is worth that only where batches are large."""


class RoiLoader(Loader):
    """libturbojpeg (or simplejpeg), our resize and our finish, in threads of this process.

    Attributes:
        decoder: what decodes JPEG here: "libturbojpeg", or "simplejpeg" and its version.
    """

    name = "roi"
    edge = "renormalise"

    def __init__(self, samples: Samples, options: Options) -> None:
        super().__init__(samples, options)
        self._fetch = Fetcher(samples, options.on_error)
        self._cutter = Cutter(samples, options.index)
        self._decoder = roi_decoder.find()
        self.decoder = self._decoder.name
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="fasttricks-read")
        self._decoders = ThreadPoolExecutor(options.num_threads, "fasttricks-decode")
        self._threads: SimpleQueue[roi_decoder.Thread] = SimpleQueue()
        for _ in range(options.num_threads):
            self._threads.put(self._decoder.thread())
        self._memory = Recycler(KEPT)
        finishes_here = options.device.type == "cpu" and options.work != "decode"
        # Pictures to be mixed are finished when all of their batch are there.
        self._mixes_here = finishes_here and bool(options.mix)
        self._mixed_memory, self._mixing = Recycler(KEPT), Lock()
        one_by_one = finishes_here and not self._mixes_here
        self._dtype = options.dtype if one_by_one else torch.uint8
        self._form = FORMS[options.dtype] if one_by_one else UINT8

    def _run(self, job: Job) -> Generator[Batch]:
        o = self.options
        size, rows = job.params.size, o.views * o.samples_per_step
        blocks = 2 if 3 * rows * size * size * 3 * self._dtype.itemsize > LARGE else 3

        def claim(making: Making) -> torch.Tensor:
            shape = o.views * len(making.samples), size, size, 3
            return self._memory.empty(shape, self._dtype, making.claim)

        line = Line(
            job.batches,
            o.num_threads,
            self._readers,
            begin=lambda step: Making(job.batches[step], o.views, blocks, step),
            read=lambda making, first, count: self._feed(job, making, first, count),
            claim=claim,
            hurry=self._memory.hurry,
        )
        parts = [self._decoders.submit(self._part, line, job) for _ in range(o.num_threads)]
        try:
            for step in range(len(job.batches)):
                yield self._batch(line.result(step), job)
        finally:
            line.stop()
            wait(parts)
            line.close()

    def _feed(self, job: Job, making: Making, first: int, count: int) -> Feed:
        """Read and plan samples of a batch; runs in the reading threads."""
        samples = making.samples[first : first + count]
        fetched = [self._fetch(int(index), job.epoch) for index in samples]
        tasks = np.array([_whole(f) for f in fetched], TASK)
        frames = np.zeros(count, FRAME)
        points = []
        for i, found in enumerate(fetched):
            entry = self._cutter.entry(found)
            if entry is not None:
                frames[i] = entry[0]
                tasks[i]["points"], tasks[i]["count"] = entry[1].ctypes.data, len(entry[1])
                points.append(entry[1])
        shown = np.array([f.index for f in fetched])
        planned = plan_rows(job, shown, tasks["height"], tasks["width"])
        if job.views > 1:
            tasks, frames = np.tile(tasks, job.views), np.tile(frames, job.views)
        return Feed(making, first, fetched, planned, tasks, frames, points)

    def _part(self, line: Line, job: Job) -> None:
        """Make pieces until none is left; runs in the decoding threads."""
        thread = self._threads.get()
        try:
            while self._piece(thread, line, job):
                pass
        except BaseException as error:
            line.stop(error)
        finally:
            self._threads.put(thread)

    def _piece(self, thread: roi_decoder.Thread, line: Line, job: Job) -> bool:
        """Make one piece; False if none is left. Afterwards nothing here holds its batch."""
        feed = line.take()
        if feed is None:
            return False
        try:
            self._make(thread, feed, job)
        except DataError as error:
            feed.making.fail(error)
            line.stop()
        return True

    def _make(self, thread: roi_decoder.Thread, feed: Feed, job: Job) -> None:
        """Make the rows of a piece; by PIL those that the decoder complains about."""
        making, count = feed.making, len(feed.fetched)
        slots = making.slots(feed.first, count)
        work = self._work(feed, slots)
        thread.make(work)
        making.matrices[slots] = feed.planned.matrices
        by_view = work.done.reshape(-1, count)
        for position in np.flatnonzero((by_view == 0).any(axis=0)):
            feed.fetched[position] = self._repair(thread, feed, int(position), job)
        if making.add(feed.first, feed.fetched, self._cutter.counts(feed.fetched)):
            making.finish(self._mixed(making, job))

    def _mixed(self, making: Making, job: Job) -> torch.Tensor | None:
        """The finished pictures of a batch of uint8 ones that are to be mixed here; else None."""
        if not self._mixes_here:
            return None
        pixels = making.images
        assert pixels is not None
        shape = finished_rows(job, len(pixels)), *pixels.shape[1:]
        with self._mixing:  # batches may be completed by two threads at once
            target = self._mixed_memory.empty(shape, self.options.dtype)
        out, planned = target.permute(0, 3, 1, 2), Planned(making.matrices)
        finish_rows(job, making.step, pixels, planned, self.options.dtype, out=out)
        return target

    def _work(self, feed: Feed, slots: npt.NDArray[np.int64]) -> Work:
        assert feed.making.pixels is not None
        return Work(
            tasks=feed.tasks,
            frames=feed.frames,
            plans=feed.planned.geometry,
            matrices=feed.planned.matrices,
            stages=_stages(feed.planned),
            slots=slots,
            out=feed.making.pixels,
            form=self._form,
            exact=int(self.options.exact),
            done=np.zeros(len(feed.tasks), np.int64),
        )

    def _repair(self, thread: roi_decoder.Thread, feed: Feed, position: int, job: Job) -> Fetched:
        """All views of one sample by way of PIL; of the next good one where PIL fails too.

        Raises:
            BadSampleError: PIL cannot decode it either, and `on_error` is "raise".
        """
        making, found, views = feed.making, feed.fetched[position], self.options.views
        while True:
            try:
                pixels = found.pixels if found.pixels is not None else decode_rgb(found.data)
                break
            except DataError as error:
                self._fetch.mark(found.index, str(error))
                found = self._fetch(found.index, job.epoch)
        planned = plan_rows(job, np.array([found.index]), [pixels.shape[0]], [pixels.shape[1]])
        tasks = np.array([_decoded(pixels)] * views, TASK)
        first = feed.first + position
        again = Feed(making, first, [found], planned, tasks, np.zeros(views, FRAME))
        slots = making.slots(first, 1)
        thread.make(self._work(again, slots))
        making.matrices[slots] = planned.matrices
        return found

    def _batch(self, making: Making, job: Job) -> Batch:
        return Batch(
            images=self._on_device(making, job),
            indices=making.shown,
            replaced=making.replaced,
            counts=making.counts,
        )

    def _on_device(self, making: Making, job: Job) -> torch.Tensor:
        o, images = self.options, making.images
        assert images is not None
        if o.device.type == "cpu":
            return images.permute(0, 3, 1, 2)
        images = images.pin_memory().to(o.device, non_blocking=True)
        if o.work == "decode":
            return images.permute(0, 3, 1, 2)
        return finish_rows(job, making.step, images, Planned(making.matrices), o.dtype)

    def stages(self, count: int) -> dict[str, float]:
        """Milliseconds of one core per picture and stage, over `count` pictures made right here."""
        chosen = np.concatenate(self._slices(0, 0))[:count]
        return measure(self._fetch, self._cutter, self._decoder, self.options, chosen)

    def close(self) -> None:
        """Stop the threads and free their memory."""
        super().close()
        self._readers.shutdown(cancel_futures=True)
        self._decoders.shutdown(cancel_futures=True)
        self._threads = SimpleQueue()


def _whole(found: Fetched) -> tuple[int, ...]:
    """The TASK that decodes a whole file; `found` must outlive it."""
    if found.pixels is not None:
        return _decoded(found.pixels)
    address = np.frombuffer(found.data, np.uint8).ctypes.data
    return address, len(found.data), JPEG, found.probe.height, found.probe.width, 0, 0


def _decoded(pixels: Pixels) -> tuple[int, ...]:
    """The TASK of pixels that are there already; they must outlive it."""
    height, width, _ = pixels.shape
    return pixels.ctypes.data, pixels.size, PIXELS, height, width, 0, 0


def _stages(planned: Planned) -> npt.NDArray[np.void]:
    """Stages for compiled code, which always takes some."""
    if planned.stages is not None:
        return planned.stages
    return np.zeros((len(planned.matrices), STEPS), STEP)
