"""Our own pipeline: only what the crop needs is decoded, by threads that never hold the GIL.

Reading threads read, probe and plan whole batches ahead of the decoding threads. Each of those
takes pictures from the batch one by one and makes them completely: decode, resize, finish.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.pixels import Pixels, decode_rgb
from fasttricks.data.probe import Kind
from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.finish import FORMS, finish
from fasttricks.kernels.jpeg_seek import FRAME
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.loader import Batch, Indices, Job, Loader, view_rows
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.read_ahead import read_ahead
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.roi_rows import JPEG, PIXELS, TASK, UINT8, Thread, Work
from fasttricks.pipelines.roi_stages import measure

READERS = 2  # threads that read; each picture costs them some 50 microseconds
AHEAD = 1  # batches in work while the caller waits for, or has, another


@dataclass(slots=True)
class Feed:
    """A batch that was read: B rows, view-major, of b samples."""

    fetched: list[Fetched]
    plans: npt.NDArray[np.void]
    matrices: npt.NDArray[np.float32]
    tasks: npt.NDArray[np.void]
    frames: npt.NDArray[np.void]
    points: list[npt.NDArray[np.void]]
    """Seek points that tasks hold the addresses of, kept alive here."""


@dataclass(slots=True)
class Making:
    """A batch that is being decoded."""

    feed: Feed
    images: torch.Tensor
    """[B, size, size, 3]"""
    work: Work
    parts: list[Future[None]]


class RoiLoader(Loader):
    """libturbojpeg, our resize and our finish, in threads of this process."""

    name = "roi"
    edge = "renormalise"

    def __init__(self, samples: Samples, options: Options) -> None:
        super().__init__(samples, options)
        self._fetch = Fetcher(samples, options.on_error)
        self._cutter = Cutter(samples, options.cut)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="fasttricks-read")
        self._decoders = ThreadPoolExecutor(options.num_threads, "fasttricks-decode")
        self._threads: SimpleQueue[Thread] = SimpleQueue()
        for _ in range(options.num_threads):
            self._threads.put(Thread())
        self._memory = Recycler(AHEAD + 2)
        finishes_here = options.device.type == "cpu" and options.work != "decode"
        self._dtype = options.dtype if finishes_here else torch.uint8
        self._form = FORMS[options.dtype] if finishes_here else UINT8

    def _run(self, job: Job) -> Generator[Batch]:
        making: deque[Making] = deque()
        feeds = read_ahead(self._readers, lambda b: self._feed(job, b), job.batches, AHEAD)
        try:
            with closing(feeds):
                for feed in feeds:
                    making.append(self._begin(feed, job.params.size))
                    if len(making) > AHEAD:
                        yield self._end(making.popleft(), job)
                while making:
                    yield self._end(making.popleft(), job)
        finally:
            for unfinished in making:
                unfinished.work.counter[0] = len(unfinished.work.tasks)  # nothing left to take
                wait(unfinished.parts)

    def _feed(self, job: Job, indices: Indices) -> Feed:
        """Read and plan a batch; runs in the reading threads."""
        views = self.options.views
        fetched = [self._fetch(int(index), job.epoch) for index in indices]
        rows, view = view_rows(np.array([f.index for f in fetched], np.int64), views)
        heights = np.tile([f.probe.height for f in fetched], views)
        widths = np.tile([f.probe.width for f in fetched], views)
        plans, matrices = plan_batch(job.seed, job.epoch, rows, view, heights, widths, job.params)
        tasks = np.array([_whole(f) for f in fetched], TASK)
        frames = np.zeros(len(fetched), FRAME)
        points = []
        for i, found in enumerate(fetched):
            entry = self._cutter.entry(found)
            if entry is not None:
                frames[i] = entry[0]
                tasks[i]["points"], tasks[i]["count"] = entry[1].ctypes.data, len(entry[1])
                points.append(entry[1])
        tasks, frames = np.tile(tasks, views), np.tile(frames, views)
        return Feed(fetched, plans, matrices, tasks, frames, points)

    def _begin(self, feed: Feed, size: int) -> Making:
        """Hand a batch to the decoding threads."""
        images = self._memory.empty((len(feed.tasks), size, size, 3), self._dtype)
        work = self._work(feed, images)
        parts = [self._decoders.submit(self._part, work) for _ in range(self.options.num_threads)]
        return Making(feed, images, work, parts)

    def _work(self, feed: Feed, images: torch.Tensor) -> Work:
        bits = images.view(torch.uint16) if self._dtype.itemsize == 2 else images
        return Work(
            counter=np.zeros(1, np.int64),
            tasks=feed.tasks,
            frames=feed.frames,
            plans=feed.plans,
            matrices=feed.matrices,
            out=bits.numpy(),
            form=self._form,
            done=np.zeros(len(feed.tasks), np.int64),
        )

    def _part(self, work: Work) -> None:
        thread = self._threads.get()
        try:
            thread.make(work)
        finally:
            self._threads.put(thread)

    def _end(self, making: Making, job: Job) -> Batch:
        """Wait for a batch, and make by PIL what libturbojpeg left."""
        for part in making.parts:
            part.result()
        feed, count = making.feed, len(making.feed.fetched)
        by_view = making.work.done.reshape(-1, count)
        for position in np.flatnonzero(by_view.min(axis=0) == 0):
            feed.fetched[position] = self._repair(making, int(position), job)
        return Batch(
            images=self._on_device(making),
            indices=np.array([f.index for f in feed.fetched], np.int64),
            replaced=[f.replaced for f in feed.fetched if f.replaced],
            counts={"odd": sum(f.probe.kind == Kind.ODD for f in feed.fetched)},
        )

    def _repair(self, making: Making, position: int, job: Job) -> Fetched:
        """All views of one sample by way of PIL; of the next good one where PIL fails too.

        Raises:
            BadSampleError: PIL cannot decode it either, and `on_error` is "raise".
        """
        found, views = making.feed.fetched[position], self.options.views
        while True:
            try:
                pixels = found.pixels if found.pixels is not None else decode_rgb(found.data)
                break
            except DataError as error:
                self._fetch.mark(found.index, str(error))
                found = self._fetch(found.index, job.epoch)
        rows, view = view_rows(np.array([found.index]), views)
        sizes = np.full(views, pixels.shape[0]), np.full(views, pixels.shape[1])
        plans, matrices = plan_batch(job.seed, job.epoch, rows, view, *sizes, job.params)
        tasks = np.array([_decoded(pixels)] * views, TASK)
        images = torch.empty((views, *making.images.shape[1:]), dtype=self._dtype)
        feed = Feed([found], plans, matrices, tasks, np.zeros(views, FRAME), [])
        self._part(self._work(feed, images))
        count = len(making.feed.fetched)
        making.images[position::count] = images
        making.feed.matrices[position::count] = matrices
        return found

    def _on_device(self, making: Making) -> torch.Tensor:
        o, images = self.options, making.images
        if o.device.type == "cpu":
            return images.permute(0, 3, 1, 2)
        images = images.pin_memory().to(o.device, non_blocking=True)
        if o.work == "decode":
            return images.permute(0, 3, 1, 2)
        matrices = torch.from_numpy(making.feed.matrices).to(o.device, non_blocking=True)
        upright = torch.zeros(len(images), dtype=torch.bool, device=o.device)
        return finish(images, matrices, upright, dtype=o.dtype)

    def stages(self, count: int) -> dict[str, float]:
        """Milliseconds of one core per picture and stage, over `count` pictures made right here."""
        chosen = np.concatenate(self._slices(0, 0))[:count]
        return measure(self._fetch, self._cutter, self.options, chosen)

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
