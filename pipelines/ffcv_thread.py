"""FFCV's loader put together from our operations, and its thread made safe. Imports FFCV."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Any

import numpy as np
import torch
from ffcv.loader import loader as loader_module
from ffcv.loader.epoch_iterator import EpochIterator
from ffcv.memory_managers.os_cache import OSCacheContext, OSCacheManager
from ffcv.pipeline import PipelineSpec
from ffcv.pipeline.operation import Operation
from ffcv.reader import Reader
from ffcv.transforms import ToDevice

from fasttricks.pipelines.ffcv_decode import stored_bytes
from fasttricks.pipelines.ffcv_fields import our_fields
from fasttricks.pipelines.ffcv_ops import Epoch, Finish, PlannedDecoder, Repair
from fasttricks.pipelines.loader import Indices

_parallel = threading.Lock()
"""Held while compiled code runs in parallel: numba's simplest thread layer aborts the process when
two threads enter at once, and each loader's code uses all the threads it may anyway."""


class MemoryMap(OSCacheManager):
    """FFCV's memory map of a file, without two faults of it.

    FFCV declares its reading function by changing numba's one and only type of byte arrays to
    read-only, which breaks functions that were compiled for it before. And it builds Python
    dictionaries of all samples, which only its other memory manager needs.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        order = np.argsort(reader.alloc_table["ptr"])
        self.ptrs = reader.alloc_table["ptr"][order]
        self.sizes = reader.alloc_table["size"][order]
        self.context = OSCacheContext(self)

    def compile_reader(self) -> Any:
        """`stored_bytes`, which compiles itself when its argument types are known."""
        return stored_bytes


@contextmanager
def _memory_map_of_ours() -> Iterator[None]:
    """FFCV's loaders that are made meanwhile use `MemoryMap`; there is no argument to say so."""
    loader_module.OSCacheManager = MemoryMap
    try:
        yield
    finally:
        loader_module.OSCacheManager = OSCacheManager


class EpochThread(EpochIterator):
    """FFCV's thread of an epoch, which here reports its errors and always ends when told to."""

    def start(self) -> None:
        """Begin; FFCV calls it when the thread is made. Whoever makes one must `stop` it."""
        atexit.register(self.stop)  # or it would go on decoding into memory that is being freed
        super().start()

    def run(self) -> None:
        """As FFCV's; an error becomes the last result, or whoever waits would wait for ever."""
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
    """FFCV's loader of a `.beton`: its graph and code, not yet compiled for any batch.

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
    with _memory_map_of_ours():
        loader = loader_module.Loader(
            str(epoch.samples.file),
            batch_size=options.batch_size * options.views,
            num_workers=epoch.workspace.workers,
            os_cache=True,
            seed=0,  # unused; without it FFCV draws one from numpy's global generator
            drop_last=False,
            batches_ahead=ahead,
            pipelines={"image": image, "label": None},
            custom_fields=our_fields(epoch.samples),
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
