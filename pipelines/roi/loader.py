"""Our own pipeline: only what the crop needs is decoded, by threads that never hold the GIL.

Reading threads read, probe and plan pieces of batches ahead of the decoding threads. Each of those
takes a piece and makes its pictures completely, one by one: decode, resize, finish.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue

import numpy as np
import torch

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.kernels.finish import FORMS
from fasttricks.kernels.mix.plan import span
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.decode.decoder import Worker, find_decoder
from fasttricks.pipelines.decode.picture import UINT8
from fasttricks.pipelines.fetch import Fetcher
from fasttricks.pipelines.finishing import Planned, finish_rows, finished_rows
from fasttricks.pipelines.job import Batch, Job
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.roi.line import Line, Making
from fasttricks.pipelines.roi.maker import Maker
from fasttricks.pipelines.roi.reader import Reader
from fasttricks.pipelines.roi.stages import measure
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
        self._memory = (
            Recycler(PINNED, True, self._transfer.settle) if self._pins else Recycler(KEPT)
        )
        finishes_here = options.device.type == "cpu" and options.work != "decode"
        # Pictures to be mixed are finished when all of their group are there.
        self._span = span(options.mix, options.mix_group) if finishes_here and options.mix else 0
        self._dtype = options.dtype if finishes_here else torch.uint8
        form = FORMS[options.dtype] if finishes_here else UINT8
        self._make = Maker(self._fetch, Reader(self._fetch, self._cutter), form, options.exact)

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
            read=lambda making, first, count: self._make.feed(job, making, first, count),
            claim=claim,
            hurry=self._memory.hurry,
            alone=blocks == 2 and not self._pins,
        )
        parts = [self._threads.submit(self._part, line, job) for _ in range(o.num_threads)]
        try:
            for step in range(len(job.batches)):
                yield self._batch(line.result(step), job)
        finally:
            line.stop()
            wait(parts)
            line.close()

    def _part(self, line: Line, job: Job) -> None:
        """Make pieces until none is left; runs in the decoding threads."""
        worker = self._workers.get()
        try:
            while self._piece(worker, line, job):
                pass
        except BaseException as error:
            line.stop(error)
        finally:
            self._workers.put(worker)

    def _piece(self, worker: Worker, line: Line, job: Job) -> bool:
        """Make one piece; False if none is left. Afterwards nothing here holds its batch."""
        feed = line.take()
        if feed is None:
            return False
        try:
            self._make(worker, feed, job)
        except DataError as error:
            feed.making.fail(error)
            line.stop()
        return True

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

        At most, as long as the caller keeps only the last batch. Beside them each thread has room
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
        """How many batches of this many bytes there is memory for."""
        return PINNED if self._pins else 2 if 3 * one > LARGE else 3

    def stages(self, count: int) -> dict[str, float]:
        """Milliseconds of one core per picture and stage, over `count` pictures made right here."""
        chosen = np.concatenate(self._slices(0, 0))[:count]
        return measure(self._fetch, self._cutter, self._decoder, self.options, chosen)

    def close(self) -> None:
        """Stop the threads and free their memory."""
        super().close()
        self._readers.shutdown(cancel_futures=True)
        self._threads.shutdown(cancel_futures=True)
        self._workers = SimpleQueue()
