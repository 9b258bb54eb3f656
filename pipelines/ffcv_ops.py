"""The operations that FFCV runs for us. Imports FFCV.

A batch goes through `PlannedDecoder` (compiled, parallel) -> `Repair` -> on a GPU FFCV's `ToDevice`
-> `Finish`. The three of ours share one `Epoch`, which says what is to be done and takes notes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ffcv.pipeline.allocation_query import AllocationQuery
from ffcv.pipeline.compiler import Compiler
from ffcv.pipeline.operation import Operation
from ffcv.pipeline.state import State

from fasttricks.data.pixels import decode_rgb
from fasttricks.data.probe import Kind
from fasttricks.errors import DataError
from fasttricks.kernels.finish import finish
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.beton_file import Beton
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.ffcv_decode import Workspace, carry_out, draw
from fasttricks.pipelines.loader import Indices, Job, Replaced, view_rows
from fasttricks.pipelines.native import put, take
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.recycle import Recycler

Pixels = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Note:
    """What became of one batch, beside its pixels."""

    indices: Indices
    """Samples shown, int64 [b], one view's rows."""
    replaced: list[Replaced] = field(default_factory=list)
    odd: int = 0


class Epoch:
    """What a loader's operations have in common, changed from epoch to epoch."""

    def __init__(self, samples: Beton, options: Options, workers: int) -> None:
        self.samples, self.options = samples, options
        self.workspace = Workspace(workers, samples.stored, options.views)
        self.threads = ThreadPoolExecutor(workers, "finish")
        self.fetch = Fetcher(samples, options.on_error)
        self.fetch.bad.update(samples.bad)
        self.notes: deque[Note] = deque()
        """One a batch, in order: FFCV's queue holds the pixels that belong to them."""
        self.job: Job

    def begin(self, job: Job) -> None:
        """What the batches from now on are; not while an epoch runs."""
        self.job = job
        self.notes.clear()
        self.workspace.set(job.seed, job.epoch, job.params)

    def close(self) -> None:
        """Free memory and threads; not while an epoch runs."""
        self.threads.shutdown()
        self.workspace.close()


class PlannedDecoder(Operation):
    """Decodes, crops, resizes and flips by plan. Gives (pixels, done) of the batch:

    uint8 [B, size, size, 3], and int64 [B], 0 where the picture is left to `Repair`.
    """

    def __init__(self, epoch: Epoch) -> None:
        super().__init__()
        self.epoch = epoch

    def declare_state_and_memory(
        self, previous_state: State
    ) -> tuple[State, tuple[AllocationQuery, AllocationQuery]]:
        size = self.epoch.job.params.size
        shape, dtype = (size, size, 3), np.dtype("u1")
        state = replace(previous_state, jit_mode=True, shape=shape, dtype=dtype)
        done = AllocationQuery((), np.dtype("i8"))
        return state, (AllocationQuery(shape, dtype), done)

    def generate_code(self) -> Callable[..., Any]:
        read, each = self.memory_read, Compiler.get_iterator()
        workspace = self.epoch.workspace
        state, workers, views = workspace.address, workspace.workers, self.epoch.options.views

        def decode(batch_indices, memory, metadata, storage):  # type: ignore[no-untyped-def]
            pixels, done = memory
            count = batch_indices.shape[0]
            put(state, 0)
            # Workers take the next picture when they are done with one: their sizes differ a lot.
            for worker in each(workers):
                row = take(state)
                while row < count:
                    index = batch_indices[row]
                    entry = metadata[index]
                    data = read(entry["data_ptr"], storage)
                    done[row] = carry_out(
                        state,
                        worker,
                        index,
                        row // (count // views),
                        entry["mode"],
                        data.ctypes.data,
                        data.size,
                        entry["height"],
                        entry["width"],
                        pixels[row].ctypes.data,
                    )
                    row = take(state)
            return pixels, done

        decode.is_parallel = True  # type: ignore[attr-defined]
        return decode


class Repair(Operation):
    """Makes by PIL what the decoder left, and replaces what PIL cannot decode either."""

    def __init__(self, epoch: Epoch) -> None:
        super().__init__()
        self.epoch = epoch

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, None]:
        return replace(previous_state, jit_mode=False, dtype=torch.uint8), None

    def generate_code(self) -> Callable[..., torch.Tensor]:
        def repair(decoded: tuple[Pixels, Any], _: None, batch_indices: Indices) -> torch.Tensor:
            pixels, done = decoded
            views = self.epoch.options.views
            count = len(batch_indices) // views
            note = Note(np.array(batch_indices[:count], np.int64))
            by_view = pixels.reshape(views, count, *pixels.shape[1:])
            for position in np.flatnonzero(done.reshape(views, count).min(axis=0) == 0):
                self._make(by_view[:, position], int(position), note)
            self.epoch.notes.append(note)
            return torch.from_numpy(pixels)

        repair.with_indices = True  # type: ignore[attr-defined]
        return repair

    def _make(self, views: Pixels, position: int, note: Note) -> None:
        """Write all views [n, size, size, 3] of one sample, or of its replacement."""
        found, picture = self._decode(int(note.indices[position]))
        note.indices[position] = found.index
        note.odd += found.probe.kind == Kind.ODD
        if found.replaced is not None:
            note.replaced.append(found.replaced)
        job, (height, width, _) = self.epoch.job, picture.shape
        rows, numbers = view_rows(np.array([found.index]), len(views))
        sides = np.full(len(views), height), np.full(len(views), width)
        plans, _ = plan_batch(job.seed, job.epoch, rows, numbers, *sides, job.params)
        for view, plan in zip(views, plans, strict=True):
            draw(picture, plan, view)

    def _decode(self, index: int) -> tuple[Fetched, Pixels]:
        """The picture, or the one in its place: a picture may turn out bad only here."""
        while True:
            found = self.epoch.fetch(index, self.epoch.job.epoch)
            try:
                return found, decode_rgb(found.data) if found.pixels is None else found.pixels
            except DataError as error:
                self.epoch.fetch.mark(found.index, str(error))


class Finish(Operation):
    """Colour and normalisation, into memory that FFCV does not use again.

    Gives [B, 3, size, size] channels_last.
    """

    def __init__(self, epoch: Epoch, keep: int) -> None:
        super().__init__()
        self.epoch = epoch
        self._memory = Recycler(keep)

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, None]:
        return previous_state, None

    def generate_code(self) -> Callable[..., torch.Tensor]:
        options = self.epoch.options
        dtype = torch.uint8 if options.work == "decode" else options.dtype

        def finish_batch(pixels: torch.Tensor, _: None) -> torch.Tensor:
            if pixels.is_cuda:
                target = torch.empty_like(pixels, dtype=dtype)
            else:
                target = self._memory.empty(tuple(pixels.shape), dtype)
            images = target.permute(0, 3, 1, 2)
            if options.work == "decode":
                target.copy_(pixels)
            else:
                self._color(pixels, images)
            return images

        return finish_batch

    def _color(self, pixels: torch.Tensor, images: torch.Tensor) -> None:
        job, options = self.epoch.job, self.epoch.options
        indices, views = view_rows(self.epoch.notes[-1].indices, options.views)
        sides = np.ones_like(indices)  # colour does not depend on them
        _, matrices = plan_batch(job.seed, job.epoch, indices, views, sides, sides, job.params)
        matrix = torch.from_numpy(matrices).to(pixels.device)
        unflipped = torch.zeros(len(pixels), dtype=torch.bool, device=pixels.device)

        def part(rows: slice) -> None:
            finish(pixels[rows], matrix[rows], unflipped[rows], options.dtype, images[rows])

        if pixels.is_cuda:
            part(slice(None))
        else:
            parts = _parts(len(pixels), self.epoch.workspace.workers)
            list(self.epoch.threads.map(part, parts))


def _parts(count: int, parts: int) -> list[slice]:
    """`count` rows in contiguous parts, sizes differing by at most one."""
    ends = [count * part // parts for part in range(parts + 1)]
    return [slice(begin, end) for begin, end in pairwise(ends)]
