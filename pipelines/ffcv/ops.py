"""The operations that FFCV runs for us. Imports FFCV.

A batch goes through `PlannedDecoder` (compiled, parallel) -> `Repair` -> on a GPU FFCV's `ToDevice`
-> `Finish`. The three of ours share one `Epoch`, which says what is to be done and takes notes.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ffcv.pipeline.allocation_query import AllocationQuery
from ffcv.pipeline.compiler import Compiler
from ffcv.pipeline.operation import Operation
from ffcv.pipeline.state import State

from fasttricks.data.probe import Kind
from fasttricks.kernels.mix.plan import Mixing
from fasttricks.kernels.native import fetch_add, store_int64
from fasttricks.pipelines.beton.file import JPG, Beton
from fasttricks.pipelines.cutter import open_index
from fasttricks.pipelines.fetch import Fetcher
from fasttricks.pipelines.ffcv.cuts import Cuts
from fasttricks.pipelines.ffcv.decode import Workspace, carry_out, draw
from fasttricks.pipelines.ffcv.tables import Tables
from fasttricks.pipelines.finishing import Threads, finish_rows, in_parts, plan_rows
from fasttricks.pipelines.job import Indices, Job, Replaced
from fasttricks.pipelines.options import Options
from fasttricks.pipelines.recycle import Recycler

Pixels = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Note:
    """What became of one batch, beside its pixels."""

    asked: Indices
    """Samples of the job, int64 [b], one view's rows."""
    indices: Indices
    """Samples shown in their places, int64 [b]."""
    mixing: Mixing | None
    """What the job drew for it."""
    counts: Counter[str]
    """For `Loader.stats`."""
    replaced: dict[int, Replaced] = field(default_factory=dict)
    """By position, what turned out bad only now."""


class Epoch:
    """What a loader's operations have in common, changed from epoch to epoch."""

    def __init__(self, tables: Tables, options: Options, workers: int) -> None:
        self.tables, self.options = tables, options
        samples = tables.samples
        self.index = options.index if tables.has_jpegs else False
        index = open_index(samples, self.index)
        self.cuts = None if index is None else Cuts(samples.base, index)
        self.workspace = Workspace(workers, options.views, self.cuts)
        self.threads = ThreadPoolExecutor(workers, "finish")
        self.fetch = Fetcher(samples, options.on_error)
        if isinstance(samples.base, Beton) and (bad := samples.base.bad):
            numbers = tables.entries["number"]
            where = np.flatnonzero(np.isin(numbers, list(bad)))
            self.fetch.bad.update({index: bad[int(numbers[index])] for index in where.tolist()})
        self.notes: deque[Note] = deque()
        """One a batch, in order: FFCV's queue holds the pixels that belong to them."""
        self.begun = 0
        """Batches of the job that were decoded so far."""
        self.job: Job

    def begin(self, job: Job) -> None:
        """What the batches from now on are; not while an epoch runs."""
        self.job = job
        self.forget()
        self.workspace.set(job.seed, job.epoch, job.params)

    def forget(self) -> None:
        """Begin the job again."""
        self.notes.clear()
        self.begun = 0

    def expect(self, indices: Indices) -> None:
        """Find out what making these samples takes; not while the compiled code runs."""
        self.tables.learn(indices, self.threads, self.workspace.workers)
        entries = self.tables.entries[indices]
        coded = entries["number"][entries["mode"] == JPG]
        needed = (0, 0) if self.cuts is None else self.cuts.check(coded)
        self.workspace.expect(entries, *needed)

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
        each = Compiler.get_iterator()
        workspace = self.epoch.workspace
        state, workers, views = workspace.address, workspace.workers, self.epoch.options.views

        def decode(batch_indices, memory, metadata, storage):  # type: ignore[no-untyped-def]
            pixels, done = memory
            count = batch_indices.shape[0]
            store_int64(state, 0)
            # Workers take the next picture when they are done with one: their sizes differ a lot.
            for worker in each(workers):
                row = fetch_add(state)
                while row < count:
                    index = batch_indices[row]
                    entry = metadata[index]
                    done[row] = carry_out(
                        state,
                        worker,
                        index,
                        entry["number"],
                        row // (count // views),
                        entry["mode"],
                        entry["address"],
                        entry["size"],
                        entry["height"],
                        entry["width"],
                        pixels[row].ctypes.data,
                    )
                    row = fetch_add(state)
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
            note = self._note(np.array(batch_indices[:count], np.int64))
            by_view = pixels.reshape(views, count, *pixels.shape[1:])
            for position in np.flatnonzero(done.reshape(views, count).min(axis=0) == 0):
                self._make(by_view[:, position], int(position), note)
            self.epoch.notes.append(note)
            return torch.from_numpy(pixels)

        repair.with_indices = True  # type: ignore[attr-defined]
        return repair

    def _note(self, indices: Indices) -> Note:
        cuts, step = self.epoch.cuts, self.epoch.begun
        self.epoch.begun += 1
        numbers = self.epoch.tables.entries["number"][indices]
        counts = Counter({} if cuts is None else cuts.counts(numbers))
        if not len(indices):  # only to have the code compiled
            return Note(indices, indices, None, counts)
        job = self.epoch.job
        return Note(job.batches[step], indices, job.mixing(step), counts)

    def _make(self, views: Pixels, position: int, note: Note) -> None:
        """Write all views [n, size, size, 3] of one sample, or of its replacement."""
        found, picture = self.epoch.fetch.decoded(int(note.asked[position]), self.epoch.job.epoch)
        note.indices[position] = found.index
        if found.probe.kind == Kind.ODD:
            note.counts["odd"] += 1
        elif found.replaced is None:
            note.counts["repaired"] += 1
        if found.replaced is not None:
            note.replaced[position] = found.replaced
        job, (height, width, _) = self.epoch.job, picture.shape
        planned = plan_rows(job, [found.index], [height], [width])
        for view, plan in zip(views, planned.geometry, strict=True):
            draw(picture, plan, view)


class Finish(Operation):
    """All that follows the uint8 pixels, into memory that FFCV does not use again.

    Gives [B, 3, size, size] channels_last.
    """

    def __init__(self, epoch: Epoch, keep: int) -> None:
        super().__init__()
        self.epoch = epoch
        self._memory = Recycler(keep)

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, None]:
        return previous_state, None

    def generate_code(self) -> Callable[..., torch.Tensor]:
        def finish_batch(pixels: torch.Tensor, _: None) -> torch.Tensor:
            if self.epoch.options.work != "decode":
                return self._finished(pixels)
            copied = pixels.clone() if pixels.is_cuda else self._copied(pixels)
            return copied.permute(0, 3, 1, 2)

        return finish_batch

    def _copied(self, pixels: torch.Tensor) -> torch.Tensor:
        # Not torch's copy: its threads go on spinning afterwards, and take cores from decoding.
        target = self._memory.empty(tuple(pixels.shape), torch.uint8)
        source, copy = pixels.numpy(), target.numpy()
        in_parts(lambda rows: np.copyto(copy[rows], source[rows]), len(copy), self._threads())
        return target

    def _threads(self) -> Threads:
        return Threads(self.epoch.threads, self.epoch.workspace.workers)

    def _finished(self, pixels: torch.Tensor) -> torch.Tensor:
        epoch, note = self.epoch, self.epoch.notes[-1]
        unknown = [1] * len(note.indices)  # neither colour nor operations depend on the sides
        planned = plan_rows(epoch.job, note.indices, unknown, unknown)
        threads = None if pixels.is_cuda else self._threads()
        dtype = epoch.options.dtype
        memory = self._memory.empty
        return finish_rows(
            epoch.job, note.mixing, pixels, planned, dtype, empty=memory, threads=threads
        )
