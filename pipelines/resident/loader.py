"""For sets that fit: all pictures decoded once, kept as uint8, cropped and resized from there.

On the CPU they are in memory that all processes of a node share; threads make each batch together,
a row at a time from plan to finish, without the GIL. On a GPU they are in its own memory, and one
kernel makes each batch.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import torch

from fasttricks.data.samples import Samples
from fasttricks.kernels.finish import FORMS
from fasttricks.kernels.mix.plan import Mixing, span
from fasttricks.kernels.mix.pool import Wanted, wanted_of
from fasttricks.pipelines.decode.picture import UINT8
from fasttricks.pipelines.finishing import plan_ops_of
from fasttricks.pipelines.job import Batch, Job
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.profile import Clock, Opened, from_pixels, measure
from fasttricks.pipelines.recycle import Recycler
from fasttricks.pipelines.resident.device import DeviceSet
from fasttricks.pipelines.resident.lookup import Lookup
from fasttricks.pipelines.resident.pictures import Decoded, decode_all
from fasttricks.pipelines.resident.rows import (
    PLACE,
    Rows,
    make_mixed,
    make_rows,
    memory_for,
    picture_at,
)
from fasttricks.pipelines.resident.schedule import PendingBatch, Schedule, Shared

BLOCKS = 3
"""Batches in memory before threads wait for the caller to give one back: the one that the caller
has, one that is ready or nearly so, and one in work."""


DRAWN = 4096
"""Pictures whose mixes are drawn in one go, those of one step at least: what Python does once in a
batch finds its code and data in no cache any more, and takes five times as long."""


class ResidentLoader(Loader):
    """Decoded pictures in shared or device memory.

    Making it decodes the set, unless another process of this user has it on this node; a picture
    that changes after that goes unnoticed until a new loader is made. Shared memory is a file in
    $FASTTRICKS_SHM, or else in /dev/shm, or where that has no room in the folder for temporary
    files, and goes away with the last loader that uses it. For a GPU the set is in host memory as
    well, but only while this is made.

    Attributes:
        bytes: that the decoded pictures take.
    """

    name = "resident"
    edge = "renormalise"

    def __init__(self, samples: Samples, options: Options) -> None:
        """Raises DataError if the decoded pictures do not fit; says how much they need."""
        super().__init__(samples, options)
        self._decoded: Decoded | None = None
        self._device: DeviceSet | None = None
        limit = DeviceSet.limit(options.device) if options.device.type == "cuda" else None
        decoded = decode_all(samples, options.num_threads, limit)
        self.bytes = decoded.size
        entries = decoded.entries
        self._lookup = Lookup(samples, decoded.causes, entries["by_pil"], options.on_error)
        if options.device.type == "cuda":
            self._device = DeviceSet(decoded, options.device)
            decoded.close()
            return
        self._decoded = decoded
        self._places = np.zeros(len(entries), PLACE)
        self._places["address"] = decoded.addresses
        self._places["height"], self._places["width"] = entries["height"], entries["width"]
        self._threads = ThreadPoolExecutor(options.num_threads, "fasttricks-resident")
        self._images = Recycler(BLOCKS + 1)
        decode = options.work == "decode"
        self._dtype = torch.uint8 if decode else options.dtype
        self._form = UINT8 if decode else FORMS[options.dtype]

    def _run(self, job: Job) -> Generator[Batch]:
        return self._on_cpu(job) if self._device is None else self._on_device(job, self._device)

    def _on_cpu(self, job: Job) -> Generator[Batch]:
        if self._decoded is None:
            raise RuntimeError("this loader is closed")
        mixings = _mixings(job)
        schedule = Schedule(
            len(job.batches),
            BLOCKS,
            begin=lambda step, pending: self._begin(job, step, pending, *next(mixings)),
            hurry=self._images.hurry,
        )
        together = span(job.mix, self.options.mix_group)
        parts: list[Future[None]] = []
        try:
            for _ in range(self.options.num_threads):
                memory = memory_for(self._places, job.params.size, together)
                parts.append(self._threads.submit(schedule.work, memory))
            for step in range(len(job.batches)):
                yield schedule.result(step)
        finally:
            schedule.stop()
            wait(parts)

    def _begin(
        self,
        job: Job,
        step: int,
        pending: PendingBatch,
        mixing: Mixing | None,
        wanted: Wanted | None,
    ) -> Shared:
        """Find memory and pictures of a batch."""
        shown, size = self._lookup(job.batches[step], job.epoch), job.params.size
        rows = job.views * len(shown.indices)
        count = rows if mixing is None else len(mixing.mixes)
        images = self._images.empty((count, size, size, 3), self._dtype, pending.claim)
        pending.batch = Batch(
            images=images.permute(0, 3, 1, 2),
            indices=shown.indices,
            mixing=mixing,
            replaced=shown.replaced,
            counts=shown.counts,
        )
        out = (images.view(torch.uint16) if images.dtype.itemsize == 2 else images).numpy()
        work = Rows(
            seed=np.uint64(job.seed),
            epoch=job.epoch,
            params=job.params,
            samples=shown.indices,
            places=self._places[shown.numbers],
            ops=plan_ops_of(job, shown.indices),
            out=out,
            form=self._form,
            matrices=np.empty((rows, 3, 4), np.float32),
            next=np.zeros(1, np.int64),
        )
        if wanted is None:
            return Shared(pending, count, lambda memory: make_rows(work, memory))
        return Shared(pending, count, lambda memory: make_mixed(work, wanted, memory))

    def _on_device(self, job: Job, device: DeviceSet) -> Generator[Batch]:
        for step, samples in enumerate(job.batches):
            shown, mixing = self._lookup(samples, job.epoch), job.mixing(step)
            yield Batch(
                images=device.make(job, mixing, shown, self.options),
                indices=shown.indices,
                mixing=mixing,
                replaced=shown.replaced,
                counts=shown.counts,
            )

    def stages(self, count: int) -> dict[str, float]:
        """As `Loader.stages`; nothing on a GPU, where all is one kernel."""
        if self._device is not None:
            return {}
        if self._decoded is None:
            raise RuntimeError("this loader is closed")

        def opened(index: int, _: Clock) -> Opened:
            address, height, width = self._places[self.dataset.number(index)].item()
            return from_pixels(index, picture_at(np.uint64(address), height, width))

        job = self._sampled(count, self._decoded.causes)
        return measure(job, opened, self.options.finished_dtype, cold=True)

    def close(self) -> None:
        """Stop the threads and give up the memory; the last user's close frees it."""
        super().close()
        self._device = None
        if self._decoded is not None:
            self._threads.shutdown()
            self._decoded.close()
            self._decoded = None


def _mixings(job: Job) -> Iterator[tuple[Mixing | None, Wanted | None]]:
    """What is drawn for each step, in turn, and how its rows are mixed."""
    steps = range(len(job.batches))
    together = max(1, DRAWN // (job.views * len(job.batches[0]))) if steps else 1
    for first in range(0, len(steps), together):
        some = steps[first : first + together]
        yield from [
            (mixing, mixing and wanted_of(mixing, job.views * len(job.batches[step])))
            for step, mixing in zip(some, job.mixings(some), strict=True)
        ]
