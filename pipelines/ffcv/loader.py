"""FFCV, with the plan carried out by decoder operations of ours.

FFCV brings its graph of operations compiled by numba, its batches' memory, and a thread that works
ahead; and its file format, which need not be used: packs of tar shards are read, too. Ours are the
plan, cutting the crop out before it is decoded, decoding with libturbojpeg's accurate DCT,
resizing, and memory per thread instead of per picture.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numba
import numpy as np
import torch

from fasttricks.data.open import as_path, open_data
from fasttricks.data.samples import Samples
from fasttricks.data.slices import Slices
from fasttricks.errors import BadSampleError, DataError, MissingExtraError
from fasttricks.pipelines.beton.file import ADVICE, RAW, Beton
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.fetch import Fetcher
from fasttricks.pipelines.ffcv.tables import Tables
from fasttricks.pipelines.job import Batch, Indices, Job, Replaced
from fasttricks.pipelines.loader import Loader
from fasttricks.pipelines.options import Options

if TYPE_CHECKING:
    from fasttricks.pipelines.ffcv.ops import Epoch

AHEAD = 3
"""Batches that FFCV keeps ready; it has memory for two more."""


class FFCVLoader(Loader):
    """A `.beton` or a pack of tar shards, both written by `fasttricks pack`, through FFCV.

    Attributes:
        compile_seconds: what building and compiling FFCV's code took, in the first epoch.
    """

    name = "ffcv"
    edge = "renormalise"

    def __init__(self, samples: Samples, options: Options) -> None:
        super().__init__(samples, options)
        try:
            with _thread_counts_kept():
                from fasttricks.pipelines.ffcv.ops import Epoch  # imports FFCV: seconds
        except ImportError as error:
            raise MissingExtraError("ffcv", "ffcv", str(error)) from error

        self._now: Epoch | None = Epoch(Tables(samples), options, _workers(options))
        self._ffcv: Any = None

    @classmethod
    def open(cls, data: str | os.PathLike[str] | Samples, options: Options) -> Self:
        """A loader over a `.beton`, a pack, or samples opened from one of them.

        Raises:
            DataError: `data` is anything else, or cannot be used.
        """
        samples = data if isinstance(data, Samples) else _opened(as_path(data), options.train)
        if not isinstance(samples.base, Beton | Slices):
            given = data if isinstance(data, Samples) else f"{os.fspath(data)}, a folder of files"
            raise DataError(f"the ffcv pipeline reads a .beton or a pack, not {given}; {ADVICE}")
        return cls(samples, options)

    def _run(self, job: Job) -> Generator[Batch]:
        from fasttricks.pipelines.ffcv.thread import EpochThread

        epoch = self._now
        if epoch is None:
            raise RuntimeError("this loader is closed")
        epoch.begin(job)
        if self._ffcv is None:
            self._ffcv = self._compile(epoch)
        batches, replaced, error = _without_bad(job, epoch.fetch)
        with _current(self.options.device):
            thread = EpochThread(self._ffcv, _rows(batches, self.options.views), epoch)
        try:
            for known in replaced:
                images = next(thread)
                note = epoch.notes.popleft()
                if images.is_cuda:
                    # Made on a stream of FFCV's: not to be freed for it while ours still reads.
                    images.record_stream(torch.cuda.current_stream(images.device))
                yield Batch(
                    images=images,
                    indices=note.indices,
                    mixing=note.mixing,
                    replaced=[it for _, it in sorted((known | note.replaced).items())],
                    counts=note.counts,
                )
            if error is not None:
                raise error
        finally:
            thread.stop()

    def _compile(self, epoch: Epoch) -> Any:
        """FFCV's loader, all of whose code is compiled: by a batch without pictures."""
        from fasttricks.pipelines.ffcv.thread import EpochThread, assemble

        began, nothing = time.monotonic(), np.empty(0, np.int64)
        with _thread_counts_kept():
            ffcv = assemble(epoch, AHEAD)
        with _current(self.options.device):
            thread = EpochThread(ffcv, nothing, epoch)
        try:
            thread.run_pipeline(0, nothing, 0, None)
        finally:
            thread.stop()
        epoch.forget()
        self.compile_seconds = time.monotonic() - began
        return ffcv

    def stages(self, count: int) -> dict[str, float]:
        """As `Loader.stages`; "read" is copying out of the page cache."""
        from fasttricks.pipelines.decode import turbojpeg
        from fasttricks.pipelines.profile import Clock, Opened, from_file, from_pixels, measure

        if (now := self._now) is None:
            raise RuntimeError("this loader is closed")
        tables, cutter = now.tables, Cutter(self.dataset, now.index)

        def opened(index: int, clock: Clock) -> Opened:
            mode, height, width, *_ = tables.entries[index].item()
            found = None if mode == RAW else now.fetch(index)
            with clock("read"):
                data = tables.stored(index).copy()
            if found is None:
                return from_pixels(index, data.reshape(height, width, 3))
            return from_file(found, cutter, turbojpeg.decode, job.params.size)

        job = self._sampled(count, map(self.dataset.number, now.fetch.bad))
        tables.learn(np.concatenate(job.batches), now.threads, now.workspace.workers)
        return measure(job, opened, self.options.finished_dtype)

    def close(self) -> None:
        """Stop FFCV's thread, free buffers and threads."""
        super().close()
        if self._now is not None:
            self._now.close()
        self._now = self._ffcv = None


def _opened(path: str | os.PathLike[str], train: bool) -> Samples:
    return open_data(path, train=train) if Path(path).expanduser().is_dir() else Beton(path)


def _without_bad(
    job: Job, fetch: Fetcher
) -> tuple[list[Indices], list[dict[int, Replaced]], BadSampleError | None]:
    """The job's batches with known bad samples replaced, and what was, by position in each.

    With `on_error="raise"` they end before the first bad sample, and its error comes third.
    """
    batches: list[Indices] = []
    replaced: list[dict[int, Replaced]] = []
    bad = np.array(list(fetch.bad), np.int64)
    for batch in job.batches:
        shown, in_batch = batch.copy(), {}
        for position in np.flatnonzero(np.isin(batch, bad)).tolist() if len(bad) else ():
            try:
                found = fetch(int(batch[position]), job.epoch)
            except BadSampleError as error:
                return batches, replaced, error
            shown[position] = found.index
            if found.replaced is not None:
                in_batch[position] = found.replaced
        batches.append(shown)
        replaced.append(in_batch)
    return batches, replaced, None


def _rows(batches: list[Indices], views: int) -> Indices:
    """Sample indices of all rows of all batches, which FFCV cuts into batches again."""
    return np.concatenate([np.tile(batch, views) for batch in batches] or [np.empty(0, np.int64)])


def _workers(options: Options) -> int:
    """Threads that numba can give; it fixes their number when it is imported."""
    most = int(numba.config.NUMBA_NUM_THREADS)
    if options.num_threads > most:
        warnings.warn(
            f"numba has {most} threads in this process, so ffcv uses {most} instead of "
            f"{options.num_threads}; set NUMBA_NUM_THREADS before Python starts to have more",
            stacklevel=2,
        )
    return min(options.num_threads, most)


def _current(device: torch.device) -> AbstractContextManager[object]:
    """FFCV makes its streams on the current device."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


@contextmanager
def _thread_counts_kept() -> Iterator[None]:
    """FFCV sets numba's and torch's thread counts of the calling thread, on import already."""
    of_torch, of_numba = torch.get_num_threads(), numba.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(of_torch)
        numba.set_num_threads(of_numba)
