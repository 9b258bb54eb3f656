"""Our own pipeline: only what the crop needs is decoded, by threads that never hold the GIL.

Reading threads read, probe and plan pieces of batches ahead of the decoding threads. Each of those
takes a piece and makes its pictures completely, one by one: decode, resize, finish.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.pixels import decode_rgb
from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.finish import FORMS
from fasttricks.kernels.jpeg.seek import FRAME
from fasttricks.kernels.mix.plan import span
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.decode import decoder
from fasttricks.pipelines.decode.picture import TASK, UINT8, Work
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.finishing import Planned, finish_rows, finished_rows, plan_rows
from fasttricks.pipelines.groups import Group, Spare
from fasttricks.pipelines.job import Batch, Job
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.roi.batch import Feed, Line, Making
from fasttricks.pipelines.roi.feed import Reader, decoded
from fasttricks.pipelines.roi.stages import measure
from fasttricks.pipelines.transfer import Transfer, set_device_of_thread

READERS = 2  # threads that read; each picture costs them some 25 microseconds
KEPT = 4  # batches whose memory is used again
PINNED = 2
"""On a GPU, batches in memory that it reads by itself: one that is finished and one in the making.
The caller never has one; who needs the memory of what he has taken waits until it is copied."""
LARGE = 256 << 20
"""Above this many bytes for three batches, keep two in flight: threads idle between a batch's end
and the caller's release of the one before."""


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
        self._read = Reader(self._fetch, self._cutter)
        self._decoder = decoder.find()
        self.decoder = self._decoder.name
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="fasttricks-read")
        self._decoders = ThreadPoolExecutor(
            options.num_threads, "fasttricks-decode", set_device_of_thread(options.device)
        )
        self._threads: SimpleQueue[decoder.Thread] = SimpleQueue()
        for _ in range(options.num_threads):
            self._threads.put(self._decoder.thread())
        self._transfer = Transfer(options.device)
        self._pins = options.device.type == "cuda"
        self._memory = (
            Recycler(PINNED, True, self._transfer.settle) if self._pins else Recycler(KEPT)
        )
        finishes_here = options.device.type == "cpu" and options.work != "decode"
        # Pictures to be mixed are finished when all of their group are there.
        self._span = span(options.mix, options.mix_group) if finishes_here and options.mix else 0
        self._unmixed = Spare()
        self._dtype = options.dtype if finishes_here else torch.uint8
        self._form = FORMS[options.dtype] if finishes_here else UINT8

    def _run(self, job: Job) -> Generator[Batch]:
        o = self.options
        size = job.params.size
        blocks = self._blocks(self._bytes(size))

        def claim(making: Making) -> torch.Tensor:
            count = len(making.matrices)
            if self._span:
                count = finished_rows(job, count)
            shape = count, size, size, 3
            return self._memory.empty(shape, self._dtype, making.claim)

        line = Line(
            job.batches,
            o.num_threads,
            self._readers,
            begin=lambda step: Making(
                job.batches[step], o.views, blocks, job.mixing(step), self._span
            ),
            read=lambda making, first, count: self._feed(job, making, first, count),
            claim=claim,
            hurry=self._memory.hurry,
            alone=blocks == 2 and not self._pins,
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
        piece = self._read(making.samples[first : first + count], job.epoch)
        tasks, frames = piece.tasks, piece.frames
        planned = plan_rows(job, piece.shown, tasks["height"], tasks["width"])
        if job.views > 1:
            tasks, frames = np.tile(tasks, job.views), np.tile(frames, job.views)
        return Feed(making, first, piece, planned, tasks, frames)

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

    def _piece(self, thread: decoder.Thread, line: Line, job: Job) -> bool:
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

    def _make(self, thread: decoder.Thread, feed: Feed, job: Job) -> None:
        """Make the rows of a piece; by PIL those that the decoder complains about."""
        making, piece, count = feed.making, feed.piece, len(feed.piece.shown)
        slots = making.slots(feed.first, count)
        work = self._work(feed, slots)
        thread.make(work)
        making.matrices[slots] = feed.planned.matrices
        by_view = work.done.reshape(-1, count)
        for position in np.flatnonzero((by_view == 0).any(axis=0)).tolist():
            piece.put(position, self._repair(thread, feed, position, job))
        counts = self._read.counts(piece)
        self._read.free(piece)
        del work  # it has the batch's memory, which goes back as soon as another thread ends it
        if (group := making.group(feed.first)) and group.add(count):
            self._mix(making, group)
        if making.add(feed.first, piece.shown, piece.replaced, counts):
            making.finish()

    def _mix(self, making: Making, group: Group) -> None:
        """Finish the pictures of a group, all of which are there."""
        assert making.mixing is not None
        assert making.pixels is not None
        group.mix(
            making.mixing,
            making.order,
            making.matrices,
            making.pixels,
            self._form,
            self._unmixed,
        )

    def _work(self, feed: Feed, slots: npt.NDArray[np.int64]) -> Work:
        making = feed.making
        out, form = making.pixels, self._form
        assert out is not None
        if group := making.group(feed.first):
            out, form = group.pixels(self._unmixed, out.shape[1]), UINT8
            slots = group.slots(feed.first, len(feed.tasks) // self.options.views)
        return Work(
            tasks=feed.tasks,
            frames=feed.frames,
            plans=feed.planned.geometry,
            matrices=feed.planned.matrices,
            stages=feed.planned.stages,
            slots=slots,
            out=out,
            form=form,
            exact=int(self.options.exact),
            done=np.zeros(len(feed.tasks), np.int64),
        )

    def _repair(self, thread: decoder.Thread, feed: Feed, position: int, job: Job) -> Fetched:
        """All views of one sample by way of PIL; of the next good one where PIL fails too.

        Raises:
            BadSampleError: PIL cannot decode it either, and `on_error` is "raise".
        """
        making, piece, views = feed.making, feed.piece, self.options.views
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
        tasks = np.array([decoded(pixels)] * views, TASK)
        first = feed.first + position
        again = Feed(making, first, piece, planned, tasks, np.zeros(views, FRAME))
        slots = making.slots(first, 1)
        thread.make(self._work(again, slots))
        making.matrices[slots] = planned.matrices
        return found

    def _batch(self, making: Making, job: Job) -> Batch:
        return Batch(
            images=self._on_device(making, job),
            indices=making.shown,
            mixing=making.mixing,
            replaced=making.replaced,
            counts=making.counts,
        )

    def _on_device(self, making: Making, job: Job) -> torch.Tensor:
        o, images = self.options, making.images
        assert images is not None
        making.images = None  # threads may still have `making`
        if o.device.type == "cpu":
            return images.permute(0, 3, 1, 2)
        if o.work == "decode":
            (images,) = self._transfer(images)
            images = images.permute(0, 3, 1, 2)
        else:
            planned, mixing = Planned(making.matrices), making.mixing
            images = finish_rows(job, mixing, images, planned, o.dtype, transfer=self._transfer)
        self._memory.wake()
        return images

    def budget(self, epoch: int = 0) -> dict[str, int]:
        """Bytes of the batches of an epoch on their way: "host", and what of it is "pinned".

        At most, as long as the caller keeps no batch but the last. Beside them each thread has room
        for the largest crop it has met.
        """
        one = self._bytes(self.options.params_at(epoch).size)
        if self._pins:
            one = 1 << (one - 1).bit_length()  # as torch rounds it
        host = self._blocks(one) * one
        return {"host": host, "pinned": host if self._pins else 0}

    def _bytes(self, size: int) -> int:
        """Of the pictures of a step."""
        rows = self.options.views * self.options.samples_per_step
        return rows * size * size * 3 * self._dtype.itemsize

    def _blocks(self, one: int) -> int:
        """How many batches of so many bytes there is memory for."""
        return PINNED if self._pins else 2 if 3 * one > LARGE else 3

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
