"""Our own pipeline: only what the crop needs is decoded, by threads that never hold the GIL.

Reading threads read, probe and plan pieces of batches ahead of the decoding threads. Each of those
takes a piece and makes its pictures completely, one by one: decode, resize, finish.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from queue import SimpleQueue

import torch

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.finish import FORMS
from fasttricks.kernels.mix.plan import span
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.decode.decoder import Worker, find_decoder
from fasttricks.pipelines.decode.picture import UINT8
from fasttricks.pipelines.fetch import Fetcher
from fasttricks.pipelines.finishing import Planned, finish_rows
from fasttricks.pipelines.groups import AT_ONCE, group_size
from fasttricks.pipelines.job import Batch, Job
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.profile import Clock, Opened, from_file, measure
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.roi.maker import Maker
from fasttricks.pipelines.roi.reader import Reader
from fasttricks.pipelines.roi.schedule import PendingBatch, Schedule
from fasttricks.pipelines.transfer import Transfer, set_device_of_thread

READERS = 2  # threads that read; each picture costs them some 25 microseconds
KEPT = 4  # batches whose memory is used again
PINNED = 2
"""On a GPU, batches in memory that it reads by itself: one that is finished and one in the making.
The caller never holds one: reusing a block waits until its copy to the GPU is done."""
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
        self._decoder = find_decoder()
        self.decoder = self._decoder.name
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="fasttricks-read")
        self._threads = ThreadPoolExecutor(
            options.num_threads, "fasttricks-decode", set_device_of_thread(options.device)
        )
        self._workers: SimpleQueue[Worker] = SimpleQueue()
        for _ in range(options.num_threads):
            self._workers.put(self._decoder.worker())
        self._transfer = Transfer(options.device)
        self._pins = options.device.type == "cuda"
        finishes_here = options.device.type == "cpu" and options.work != "decode"
        # Pictures to be mixed are finished when all of their group are there.
        self._span = span(options.mix, options.mix_group) if finishes_here and options.mix else 0
        self._dtype = options.dtype if finishes_here else torch.uint8
        self._for_groups = _blocks_for_groups(options, self._span) if self._span else 0
        if self._pins:
            self._memory = Recycler(PINNED, True, self._transfer.settle)
        else:
            self._memory = Recycler(max(KEPT, self._for_groups + 1))
        form = FORMS[options.dtype] if finishes_here else UINT8
        self._make = Maker(self._fetch, Reader(self._fetch, self._cutter), form, options.exact)

    def _run(self, job: Job) -> Generator[Batch]:
        o = self.options
        size = job.params.size
        blocks = self._blocks(size)

        def claim(pending: PendingBatch) -> torch.Tensor:
            count = len(pending.matrices if pending.wanted is None else pending.wanted.mixes)
            shape = count, size, size, 3
            return self._memory.empty(shape, self._dtype, pending.claim)

        schedule = Schedule(
            job.batches,
            o.num_threads,
            self._readers,
            begin=lambda step: PendingBatch(
                job.batches[step], o.views, blocks, job.mixing(step), self._span
            ),
            read=lambda pending, first, count: self._make.chunk(job, pending, first, count),
            claim=claim,
            hurry=self._memory.hurry,
            alone=blocks == 2 and not self._pins,
        )
        parts: list[Future[None]] = []
        try:
            for _ in range(o.num_threads):
                parts.append(self._threads.submit(self._part, schedule, job))
            for step in range(len(job.batches)):
                yield self._batch(schedule.result(step), job)
        finally:
            schedule.stop()
            wait(parts)
            schedule.close()

    def _part(self, schedule: Schedule, job: Job) -> None:
        """Make pieces until none is left; runs in the decoding threads."""
        worker = self._workers.get()
        try:
            while self._piece(worker, schedule, job):
                pass
        except BaseException as error:
            schedule.stop(error)
        finally:
            self._workers.put(worker)

    def _piece(self, worker: Worker, schedule: Schedule, job: Job) -> bool:
        """Make one piece; False if none is left. Afterwards nothing here holds its batch."""
        chunk = schedule.take()
        if chunk is None:
            return False
        try:
            self._make(worker, chunk, job)
        except DataError as error:
            chunk.pending.fail(error)
            schedule.stop()
        return True

    def _batch(self, pending: PendingBatch, job: Job) -> Batch:
        return Batch(
            images=self._on_device(pending, job),
            indices=pending.shown,
            mixing=pending.mixing,
            replaced=pending.replaced,
            counts=pending.counts,
        )

    def _on_device(self, pending: PendingBatch, job: Job) -> torch.Tensor:
        o, images = self.options, pending.images
        assert images is not None
        pending.images = None  # threads may still have `pending`
        if o.device.type == "cpu":
            return images.permute(0, 3, 1, 2)
        if o.work == "decode":
            (images,) = self._transfer(images)
            images = images.permute(0, 3, 1, 2)
        else:
            planned, mixing = Planned(pending.matrices), pending.mixing
            images = finish_rows(job, mixing, images, planned, o.dtype, transfer=self._transfer)
        self._memory.wake()
        return images

    def _blocks(self, size: int) -> int:
        """How many batches of pictures of this size there is memory for."""
        if self._pins:
            return PINNED
        rows = self.options.views * self.options.samples_per_step
        one = rows * size * size * 3 * self._dtype.itemsize
        return max(2 if 3 * one > LARGE else 3, self._for_groups)

    def stages(self, count: int) -> dict[str, float]:
        """As `Loader.stages`; pictures are decoded at full scale."""

        def opened(index: int, clock: Clock) -> Opened:
            with clock("read"):
                found = self._fetch(index)
            return from_file(found, self._cutter, self._decoder.decode, job.params.size)

        job = self._sampled(count)
        return measure(job, opened, self.options.finished_dtype)

    def close(self) -> None:
        """Stop the threads and free their memory."""
        super().close()
        self._readers.shutdown(cancel_futures=True)
        self._threads.shutdown(cancel_futures=True)
        self._workers = SimpleQueue()


def _blocks_for_groups(options: Options, span: int) -> int:
    """Batches in memory with which no thread waits for a group to make.

    The caller has one. The oldest one in the making may lack only its last group; what the other
    threads are at comes after that.
    """
    each = group_size(span)
    if each > AT_ONCE:  # threads share it
        return 0
    groups = -(-options.samples_per_step // each)
    return 2 + -(-(options.num_threads - 1) // groups)
