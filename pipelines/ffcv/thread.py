"""FFCV's loader put together from our operations, and its thread made safe. Imports FFCV."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any

import torch
from ffcv.loader import loader as loader_module
from ffcv.loader.epoch_iterator import EpochIterator
from ffcv.memory_managers.base import MemoryContext, MemoryManager
from ffcv.pipeline import PipelineSpec
from ffcv.pipeline.operation import Operation
from ffcv.transforms import ToDevice

from fasttricks.pipelines.ffcv.fields import OurField
from fasttricks.pipelines.ffcv.ops import Epoch, Finish, PlannedDecoder, Repair
from fasttricks.pipelines.ffcv.tables import ENTRY, Tables
from fasttricks.pipelines.job import Indices

_parallel = threading.Lock()
"""Held while compiled code runs in parallel: numba's simplest thread layer aborts the process when
two threads enter at once, and each loader's code uses all the threads it may anyway."""


class TableReader:
    """What FFCV's reader gives to its loader: here tables that are in memory already."""

    def __init__(self, tables: Tables) -> None:
        self.num_samples = len(tables.records)
        self.metadata = tables.records
        self.handlers = {"image": OurField(ENTRY)}


class NoMemory(MemoryManager):
    """In place of FFCV's memory managers, which hand bytes to compiled code: ours has addresses.

    FFCV's own also changes numba's one and only type of byte arrays to read-only, which breaks
    functions that were compiled for it before, and builds Python dictionaries of all samples.
    """

    def __init__(self, reader: TableReader) -> None:
        self.reader = reader

    def schedule_epoch(self, batches: Any) -> NoContext:
        return NoContext()

    def compile_reader(self) -> None:
        return None

    @property
    def state_type(self) -> None:
        return None


class NoContext(MemoryContext):
    """There is nothing to open or close."""

    state = ()

    def __enter__(self) -> NoContext:
        return self

    def __exit__(self, *_: object) -> None:
        return None


@contextmanager
def _reading(tables: Tables) -> Iterator[None]:
    """FFCV's loaders that are made meanwhile read tables; there is no argument to say so."""
    reader, manager = loader_module.Reader, loader_module.OSCacheManager
    loader_module.Reader = lambda *_: TableReader(tables)
    loader_module.OSCacheManager = NoMemory
    try:
        yield
    finally:
        loader_module.Reader, loader_module.OSCacheManager = reader, manager


class EpochThread(EpochIterator):
    """FFCV's thread of an epoch, which here reports its errors and always ends when told to."""

    def __init__(self, loader: loader_module.Loader, rows: Indices, epoch: Epoch) -> None:
        self._epoch = epoch  # first: FFCV starts the thread while it makes it
        super().__init__(loader, rows)

    def start(self) -> None:
        """Begin; FFCV calls it when the thread is made. The code that makes one must `stop` it."""
        atexit.register(self.stop)  # or it would go on decoding into memory that is being freed
        super().start()

    def run(self) -> None:
        """As FFCV's; an error becomes the last result, or the waiting thread would wait forever."""
        try:
            super().run()
        except Exception as error:
            self.output_queue.put((0, (error,)))

    def run_pipeline(self, number: int, indices: Indices, slot: int, event: Any) -> Any:
        """As FFCV's: make one batch in the memory of `slot`; a tuple of one result."""
        if self.terminate_event.is_set():
            raise StopIteration
        if self.cuda_streams[slot] is not None:
            # Pixels may still be on their way to the GPU from the pinned memory of this slot.
            self.cuda_streams[slot].synchronize()
        self._epoch.expect(indices)
        with _parallel:
            return super().run_pipeline(number, indices, slot, event)

    def __next__(self) -> torch.Tensor:
        (result,) = super().__next__()
        if isinstance(result, Exception):
            raise result
        return result

    def stop(self) -> None:
        """End the thread and wait for it; what it has made is thrown away."""
        self.terminate_event.set()
        while self.is_alive():
            # It may be waiting for room in the queue.
            try:
                self.output_queue.get(timeout=0.01)
            except Empty:
                continue
        for stream in self.cuda_streams:
            if stream is not None:
                stream.synchronize()  # the next epoch uses the same memory
        self.close()
        atexit.unregister(self.stop)


def assemble(epoch: Epoch, ahead: int) -> loader_module.Loader:
    """FFCV's loader: its graph and code, not yet compiled for any batch.

    Args:
        epoch: begun, so that the pictures' size is known.
        ahead: batches that FFCV keeps ready.
    """
    options = epoch.options
    operations: list[Operation] = [Repair(epoch)]
    if options.device.type == "cuda":
        operations.append(ToDevice(options.device))
    operations.append(Finish(epoch, keep=ahead + 3))
    image = PipelineSpec("image", decoder=PlannedDecoder(epoch), transforms=operations)
    with _reading(epoch.tables):
        loader = loader_module.Loader(
            "",
            batch_size=options.samples_per_step * options.views,
            num_workers=epoch.workspace.workers,
            os_cache=True,
            seed=0,  # unused; without it FFCV draws one from numpy's global generator
            drop_last=False,
            batches_ahead=ahead,
            pipelines={"image": image},
        )
    loader.graph.allocate_memory = _kept(loader.graph.allocate_memory, epoch)
    return loader


def _kept(allocate: Callable[..., Any], epoch: Epoch) -> Callable[..., Any]:
    """FFCV's allocation of an epoch's memory, done once for each size of picture in turn.

    Only one epoch of a loader runs at a time.
    """
    kept: dict[int, Any] = {}

    def allocate_memory(batch_size: int, slots: int) -> Any:
        size = epoch.job.params.size
        if size not in kept:
            kept.clear()
            kept[size] = allocate(batch_size, slots)
        return kept[size]

    return allocate_memory
