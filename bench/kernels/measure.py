"""All ways of a case, and a plain copy, taking turns call by call."""

from __future__ import annotations

import contextlib
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from fasttricks.bench.kernels.case import Case, Way, as_given
from fasttricks.bench.kernels.clock import Clock
from fasttricks.bench.report import ResultRow
from fasttricks.bench.stats import figures, spread

FEWEST_TURNS = 5
OURS = 3
"""Ours and the copy, which are quick beside most others, have so many times the fewest turns."""
FEWEST_COPIES = 3
COPY_BYTES = {"cpu": 16 << 20, "cuda": 256 << 20}
"""Read and written by a copy, at least: a short one does not reach the device's bandwidth."""


@dataclass(kw_only=True)
class Times:
    """What was seen of a case: seconds of one call, for every turn; None where it was left out."""

    ways: list[list[float | None]]
    """[ways][turns]; ours is in every turn."""
    copy: list[float] = field(default_factory=list)
    """[turns]"""
    copy_bytes: int = 0
    calls: list[int] = field(default_factory=list)
    """[ways, and the copy]: how many calls are timed together."""

    @classmethod
    def of(cls, case: Case) -> Times:
        """Nothing seen yet."""
        return cls(ways=[[] for _ in case.ways])

    def forget(self, number: int) -> None:
        """Leave out a way and what was seen of it."""
        del self.ways[number]
        del self.calls[number : number + 1]  # there are none before all were timed once


def copies_for(way: Way, make: Callable[[int], Any], number: int) -> Iterator[Any]:
    """Inputs of a way, so many in turn for ever, which together exceed the largest cache."""
    return itertools.cycle([way.prepare(make(seed)) for seed in range(number)])


class WayFailed(Exception):
    """A way could not do its work, and why."""

    def __init__(self, way: Way, cause: Exception) -> None:
        super().__init__(way.name)
        self.way, self.cause = way, cause


@contextlib.contextmanager
def blaming(way: Way) -> Iterator[None]:
    """What goes wrong in the block is this way's fault."""
    try:
        yield
    except Exception as error:
        raise WayFailed(way, error) from error


class Runner:
    """A way at work; each call takes the next of its inputs, whoever else takes them, too."""

    def __init__(self, way: Way, copies: Iterator[Any]) -> None:
        self._way, self._copies = way, copies
        self._changed: list[Any] = []

    def __call__(self, calls: int) -> None:
        call, keep = self._way.call, self._way.restore is not None
        with blaming(self._way):
            for _ in range(calls):
                inputs = next(self._copies)
                call(inputs)
                if keep:
                    self._changed.append(inputs)

    def restore(self) -> None:
        """Undo what calls did to their inputs. What this puts into a cache is out of it again when
        the turn of these inputs comes, as that of inputs never changed."""
        if self._way.restore is not None:
            for inputs in self._changed:
                self._way.restore(inputs)
        self._changed.clear()


def measure(
    case: Case, clock: Clock, seconds: float, times: Times, fewest: int = FEWEST_TURNS
) -> None:
    """Let the ways take turns for so many seconds, and add what they take to `times`.

    A machine that slows down for a while slows all of them, and the copy. Ours and the copy are in
    every turn, a slower way in `fewest`, and beyond in so many that it takes no more than its share
    of the time.

    Turns before something goes wrong are kept.

    Raises:
        WayFailed: in a way. Whatever else goes wrong is raised as it is.
    """
    copier, times.copy_bytes = copy_runner(case.nbytes, clock)
    at_work = [*runners(case, clock), copier]
    if times.calls:
        for runner in at_work:
            runner(1)
    else:
        times.calls = [clock.calls(runner) for runner in at_work]
    *jobs, copy_job = zip(at_work, times.calls, strict=True)
    spent, turns = [0.0] * len(jobs), 0
    begin = time.perf_counter()
    while turns < OURS * fewest or time.perf_counter() - begin < seconds:
        share = sum(spent) / len(jobs)
        chosen = [n for n in range(len(jobs)) if n == 0 or turns < fewest or spent[n] <= share]
        for n in chosen:
            jobs[n][0].restore()
        *ways, copied = clock.turn([*(jobs[n] for n in chosen), copy_job])
        found = dict(zip(chosen, ways, strict=True))
        for n, seen in enumerate(times.ways):
            seen.append(found.get(n))
            spent[n] += found.get(n, 0) * jobs[n][1]
        times.copy.append(copied)
        turns += 1


def runners(case: Case, clock: Clock) -> list[Runner]:
    """One for each way; those that take inputs as they are share them."""
    number = max(FEWEST_COPIES, math.ceil(clock.cache_bytes / case.nbytes))
    shared: Iterator[Any] | None = None
    found = []
    for way in case.ways:
        if way.prepare is as_given and way.restore is None:
            shared = copies = shared or copies_for(way, case.make, number)
        else:
            with blaming(way):
                copies = copies_for(way, case.make, number)
        found.append(Runner(way, copies))
    return found


def copy_runner(nbytes: int, clock: Clock) -> tuple[Runner, int]:
    """A plain copy that reads and writes as much as the kernel together, and how much that is."""
    half = max(nbytes, COPY_BYTES[clock.device.type]) // 2

    def make(_: int) -> tuple[torch.Tensor, torch.Tensor]:
        source = torch.ones(half // 4, device=clock.device)
        return torch.empty_like(source).fill_(0), source

    number = max(FEWEST_COPIES, math.ceil(clock.cache_bytes / (2 * half)))
    way = Way(name="copy", call=lambda pair: pair[0].copy_(pair[1]))
    return Runner(way, copies_for(way, make, number)), half // 4 * 8


def results(case: Case, times: Times) -> list[ResultRow]:
    """One row for each way.

    us: microseconds of a call, median, p20 and p80 over its turns. gb_per_s: the bytes that a call
    must read and write, over the median. copy_share: that rate over a copy's, copy_gb_per_s, and
    ratio: its time over ours; both the median over turns of the two in the same turn.
    """
    per_byte = [seconds / times.copy_bytes for seconds in times.copy]
    ours = times.ways[0]
    rows: list[ResultRow] = []
    for way, turns in zip(case.ways, times.ways, strict=True):
        seen = [s for s in turns if s is not None]
        shares = [case.nbytes * c / s for c, s in zip(per_byte, turns, strict=True) if s]
        both = [mine / own for mine, own in zip(turns, ours, strict=True) if mine and own]
        rows.append(
            {
                "row": case.name,
                "way": way.name,
                "us": spread([1e6 * s for s in seen], "median", 2),
                "bytes": case.nbytes,
                "gb_per_s": figures(case.nbytes / statistics.median(seen) / 1e9),
                "copy_share": figures(statistics.median(shares)),
                "copy_gb_per_s": figures(1 / statistics.median(per_byte) / 1e9),
                "ratio": figures(statistics.median(both)),
                "turns": len(seen),
                "differs": way.differs,
            }
        )
    return rows
