"""Where a picture's time goes: milliseconds of one core for each part of the work, one by one.

Which parts there are is up to each pipeline; a split is a plain mapping from their names.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch

from fasttricks.data.pixels import Pixels, decode_rgb
from fasttricks.errors import DataError
from fasttricks.kernels.finish import finish
from fasttricks.kernels.ops.batch import apply_ops_batch
from fasttricks.kernels.resize import scratch_bytes
from fasttricks.pipelines.cutter import Cutter, needed
from fasttricks.pipelines.decode.picture import resize_part
from fasttricks.pipelines.fetch import Fetched
from fasttricks.pipelines.finishing import Planned, finish_rows, joined, plan_rows
from fasttricks.pipelines.job import Job

Decode = Callable[[bytes | Pixels, int, int], Pixels]
"""(one JPEG, its height and width) to uint8 [height, width, 3]; DataError if it is damaged."""
Part = tuple[Pixels, int, int]
"""uint8 [h, w, 3], and where in the picture it begins: top, left."""


class Clock:
    """Adds up the time spent in named parts; two clock readings (0.1 microseconds) a use."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextlib.contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += perf_counter() - start  # type: ignore[assignment]

    def per_image(self, count: int) -> dict[str, float]:
        """Milliseconds per picture by part, in the order in which they first came."""
        return {part: 1e3 * seconds / count for part, seconds in self.seconds.items()}


class Opened(NamedTuple):
    """A sample that was read."""

    sample: int
    height: int
    width: int
    decode: Callable[[np.void, Clock], Part]
    """Gives at least what a plan, a record of SAMPLE, needs of the picture; times what it does."""


def from_pixels(sample: int, pixels: Pixels) -> Opened:
    """A sample that need not be decoded."""
    height, width, _ = pixels.shape
    return Opened(sample, height, width, lambda plan, clock: (pixels, 0, 0))


def from_file(found: Fetched, cutter: Cutter, decode: Decode, size: int) -> Opened:
    """A sample of which what is needed is decoded, as roi and ffcv do it: by our own decoder; else
    cut and decoded; else decoded whole, by PIL where `decode` complains."""
    if found.pixels is not None:
        return from_pixels(found.index, found.pixels)
    sides = found.probe.height, found.probe.width

    def part_of(plan: np.void, clock: Clock) -> Part:
        top, left, *box = needed(plan, size)
        with clock("decode"):
            pixels = cutter.decode(found, top, left, *box)
        if pixels is not None:
            return pixels, top, left
        with clock("slice"):
            part = cutter.cut(found, top, left, *box)
        with clock("decode"):
            if part is not None:
                with contextlib.suppress(DataError):
                    return decode(part.data, part.height, part.width), part.top, part.left
            with contextlib.suppress(DataError):
                return decode(found.data, *sides), 0, 0
            return decode_rgb(found.data), 0, 0

    return Opened(found.index, *sides, part_of)


def measure(
    job: Job,
    open_: Callable[[int, Clock], Opened],
    dtype: torch.dtype | None,
    cold: bool = False,
) -> dict[str, float]:
    """Make the pictures of a job twice, first to warm up: milliseconds per picture and part.

    A step is finished at once, as pictures are that are mixed; where none are, steps of one sample
    are finished while their pixels are in a cache, as pipelines do it.

    Args:
        job: of good samples.
        open_: reads a sample, and times it.
        dtype: of finished pictures; None stops before that (work="decode").
        cold: as for `resize_part`.
    """
    size, most, again = job.params.size, max(map(len, job.batches), default=0), Again()
    pixels = np.empty((job.views * most, size, size, 3), np.uint8)
    scratch = np.empty(0, np.uint8)
    for _ in range(2):
        clock, made = Clock(), 0
        for step, samples in enumerate(job.batches):
            plans, count = [], len(samples)
            for position, sample in enumerate(samples.tolist()):
                opened = open_(sample, clock)
                plans.append(plan_rows(job, [opened.sample], [opened.height], [opened.width]))
                needed_bytes = scratch_bytes(opened.height, opened.width, size, size)
                if len(scratch) < needed_bytes:
                    scratch = np.empty(needed_bytes, np.uint8)
                for view, plan in enumerate(plans[-1].geometry):
                    part = opened.decode(plan, clock)
                    with clock("resize"):
                        resize_part(*part, plan, pixels[view * count + position], scratch, cold)
            rows = job.views * count
            if dtype is not None:
                batch = torch.from_numpy(pixels[:rows])
                _finish(job, step, batch, joined(plans), dtype, clock, again)
            made += rows
    return clock.per_image(max(1, made))


class Again:
    """Memory for finished pictures that is given out each time, as pipelines use theirs again."""

    def __init__(self) -> None:
        self._kept = torch.empty(0)

    def __call__(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        if self._kept.shape[1:] != shape[1:] or len(self._kept) < shape[0]:
            self._kept = torch.empty(shape, dtype=dtype)
        return self._kept[: shape[0]]


def _finish(
    job: Job,
    step: int,
    pixels: torch.Tensor,
    planned: Planned,
    dtype: torch.dtype,
    clock: Clock,
    again: Again,
) -> None:
    """As `finish_rows`, which spends half as long again on a picture alone."""
    mixing, matrices = job.mixing(step), torch.from_numpy(planned.matrices)
    upright = torch.zeros(len(pixels), dtype=torch.bool)
    with clock("finish"):
        if mixing is not None:
            finish_rows(job, mixing, pixels, planned, dtype, empty=again)
            return
        if planned.ops is not None:
            apply_ops_batch(pixels, planned.ops)
        finish(pixels, matrices, upright, dtype)
