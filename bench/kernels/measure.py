"""All ways of a case, and a plain copy, taking turns call by call."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from fasttricks.bench.kernels.case import Case, Way
from fasttricks.bench.kernels.clock import Clock
from fasttricks.bench.report import ResultRow
from fasttricks.bench.stats import quantile

FEWEST_TURNS = 5
FEWEST_COPIES = 3
COPY_BYTES = {"cpu": 16 << 20, "cuda": 256 << 20}
"""Read and written by a copy, at least: a short one does not reach the device's bandwidth."""


@dataclass(kw_only=True)
class Times:
    """What was seen of a case: seconds of one call, for every turn."""

    ways: list[list[float]]
    """[ways][turns]"""
    copy: list[float] = field(default_factory=list)
    copy_bytes: int = 0

    @classmethod
    def of(cls, case: Case) -> Times:
        """Nothing seen yet."""
        return cls(ways=[[] for _ in case.ways])


class Runner:
    """A way at work: each call takes the next copy of its inputs; no two ways share one."""

    def __init__(self, way: Way, make: Callable[[int], Any], copies: int) -> None:
        self._call, self._restore = way.call, way.restore
        self._next = itertools.cycle([way.prepare(make(seed)) for seed in range(copies)])
        self._changed: list[Any] = []

    def __call__(self, calls: int) -> None:
        for _ in range(calls):
            inputs = next(self._next)
            self._call(inputs)
            if self._restore is not None:
                self._changed.append(inputs)

    def restore(self) -> None:
        """Undo what calls did to their inputs. What this puts into a cache is out of it again when
        the turn of these inputs comes, as that of inputs never changed."""
        if self._restore is not None:
            for inputs in self._changed:
                self._restore(inputs)
        self._changed.clear()


def measure(case: Case, clock: Clock, seconds: float, times: Times) -> None:
    """Let the ways take turns for so many seconds, and add what they take to `times`.

    A machine that slows down for a while slows all of them, and the copy.
    """
    copies = max(FEWEST_COPIES, math.ceil(clock.cache_bytes / case.nbytes))
    jobs = []
    for way in case.ways:
        runner = Runner(way, case.make, copies)
        jobs.append((runner, clock.calls(runner)))
    copier, times.copy_bytes = copy_runner(case.nbytes, clock)
    jobs.append((copier, clock.calls(copier)))
    begin, turns = time.perf_counter(), 0
    while turns < FEWEST_TURNS or time.perf_counter() - begin < seconds:
        for runner, _ in jobs:
            runner.restore()
        *ways, copied = clock.turn(jobs)
        for seen, now in zip(times.ways, ways, strict=True):
            seen.append(now)
        times.copy.append(copied)
        turns += 1


def copy_runner(nbytes: int, clock: Clock) -> tuple[Runner, int]:
    """A plain copy that reads and writes as much as the kernel together, and how much that is."""
    half = max(nbytes, COPY_BYTES[clock.device.type]) // 2

    def make(_: int) -> tuple[torch.Tensor, torch.Tensor]:
        source = torch.ones(half // 4, device=clock.device)
        return torch.empty_like(source).fill_(0), source

    copies = max(FEWEST_COPIES, math.ceil(clock.cache_bytes / (2 * half)))
    way = Way(name="copy", call=lambda pair: pair[0].copy_(pair[1]))
    return Runner(way, make, copies), half // 4 * 8


def results(case: Case, times: Times) -> list[ResultRow]:
    """One row for each way.

    us: microseconds of a call, median, p20 and p80 over turns. gb_per_s: the bytes that a call must
    read and write, over the median. copy_share: that rate over a copy's, copy_gb_per_s, and ratio:
    its time over ours; both the median over turns of the two in the same turn.
    """
    rows: list[ResultRow] = []
    per_byte = [seconds / times.copy_bytes for seconds in times.copy]
    for way, seen in zip(case.ways, times.ways, strict=True):
        shares = [case.nbytes * c / s for c, s in zip(per_byte, seen, strict=True)]
        rows.append(
            {
                "row": case.name,
                "way": way.name,
                "us": {
                    name: round(1e6 * quantile(seen, share), 2)
                    for name, share in (("p20", 0.2), ("median", 0.5), ("p80", 0.8))
                },
                "bytes": case.nbytes,
                "gb_per_s": _figures(case.nbytes / statistics.median(seen) / 1e9),
                "copy_share": _figures(statistics.median(shares)),
                "copy_gb_per_s": _figures(1 / statistics.median(per_byte) / 1e9),
                "ratio": _figures(_ratio(seen, times.ways[0])),
                "turns": len(seen),
                "differs": way.differs,
            }
        )
    return rows


def _figures(value: float) -> float:
    """Four of them: what is slow is not 0."""
    return float(f"{value:.4g}")


def _ratio(seen: list[float], ours: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(seen, ours, strict=True))
