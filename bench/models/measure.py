"""Networks and a plain copy taking turns, round by round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from fasttricks.bench.kernels.clock import Clock, Job
from fasttricks.bench.kernels.measure import copy_runner
from fasttricks.bench.models.step import Step
from fasttricks.bench.report import ResultRow
from fasttricks.bench.stats import quantile

FEWEST_ROUNDS = 7
"""Pairs from which a spread of ratios says something."""
WARMUP_STEPS = 2

Network = tuple[str, str]
"""Library, and what the network is called there."""


@dataclass(kw_only=True)
class Entry:
    """One network in one mode, and what was seen of it."""

    row: str
    """`training eager`, `training compiled`, `inference eager`, `inference compiled`."""
    network: Network
    step: Step
    nbytes: int
    """That a step moves by the byte model."""
    first_s: float = 0.0
    """What the first step took: compiling is in it."""
    calls: int = 1
    seconds: list[float] = field(default_factory=list)
    """Of one step, for every round."""

    def __str__(self) -> str:
        return f"{self.row}, {' '.join(self.network)}"


def warm_up(entry: Entry, clock: Clock, *, seconds: float, warmup: float) -> None:
    """Run the first step, then more for `warmup` seconds: memory is had, algorithms are chosen,
    clocks are up. Finds how many steps take `seconds`."""
    entry.first_s = _timed(entry.step, 1, clock)
    end = time.perf_counter() + warmup
    took = _timed(entry.step, WARMUP_STEPS, clock)
    while time.perf_counter() < end:
        took = _timed(entry.step, WARMUP_STEPS, clock)
    entry.calls = _steps_in(seconds, took)


def measure(
    entries: Sequence[Entry],
    clock: Clock,
    *,
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> tuple[list[float], int]:
    """Time each entry, and a copy, once a round, for about `seconds`; all are warm already.

    Every second round goes backwards: what the network before leaves behind, a hot chip or memory
    in other pieces, is to each of a pair's advantage as often as to the other's. A step that is
    not timed stands between the two.

    Returns:
        Seconds of a copy for every round, and the bytes that it reads and writes.
    """
    copier, copy_bytes = copy_runner(0, clock)
    copy_job: tuple[Job, int] = copier, clock.calls(copier)
    copies = []
    for number in range(1, rounds + 1):
        for entry in entries if number % 2 else reversed(entries):
            tell(f"{entry}: round {number} of {rounds}")
            entry.step()
            took = _timed(entry.step, entry.calls, clock)
            entry.seconds.append(took)
            entry.calls = _steps_in(seconds, took)  # the machine may have changed
        copies += clock.turn([copy_job])
    return copies, copy_bytes


def _steps_in(seconds: float, step_s: float) -> int:
    return max(1, round(seconds / step_s))


def _timed(step: Step, calls: int, clock: Clock) -> float:
    """Seconds of one of `calls` steps, from an idle device to an idle device."""
    _wait(clock)
    begin = time.perf_counter()
    for _ in range(calls):
        step()
    _wait(clock)
    return (time.perf_counter() - begin) / calls


def _wait(clock: Clock) -> None:
    if clock.device.type == "cuda":
        torch.cuda.synchronize(clock.device)


def results(
    entries: Sequence[Entry],
    ours: Network,
    copies: Sequence[float],
    copy_bytes: int,
    batch_size: int,
) -> list[ResultRow]:
    """One row for each entry.

    images_per_s: median over rounds, p20 and p80 beside it. ours_to_it: the rate of `ours` over
    this one's in the same round; to_eager: this one's rate over that of the same network in eager
    mode; both as median, p20 and p80 over rounds, null where there is no such pair. gb_per_s: bytes
    by the byte model over the median time; copy_share: that rate over a copy's in the same round,
    median.
    """
    known = {(entry.row, entry.network): entry for entry in entries}
    rows = []
    for entry in entries:
        middle = statistics.median(entry.seconds)
        rates = [batch_size / seconds for seconds in entry.seconds]
        shares = [
            entry.nbytes / seconds * copy / copy_bytes
            for seconds, copy in zip(entry.seconds, copies, strict=True)
        ]
        eager = known.get((entry.row.replace("compiled", "eager"), entry.network))
        library, model = entry.network
        rows.append(
            {
                "row": entry.row,
                "library": library,
                "library_model": model,
                "images_per_s": round(batch_size / middle, 3),
                "p20": round(quantile(rates, 0.2), 3),
                "p80": round(quantile(rates, 0.8), 3),
                "ours_to_it": _ratio(entry, known.get((entry.row, ours))),
                "to_eager": _ratio(eager, entry) if eager else None,
                "step_ms": round(1e3 * middle, 4),
                "mb_per_image": round(entry.nbytes / batch_size / 1e6, 2),
                "gb_per_s": _figures(entry.nbytes / middle / 1e9),
                "copy_share": _figures(statistics.median(shares)),
                "copy_gb_per_s": _figures(copy_bytes / statistics.median(copies) / 1e9),
                "first_step_s": round(entry.first_s, 3),
                "rounds": len(entry.seconds),
                "steps": entry.calls,
                "rates": [round(rate, 3) for rate in rates],
            }
        )
    return rows


def _ratio(slow: Entry, fast: Entry | None) -> dict[str, float] | None:
    """Rate of `fast` over that of `slow` in the same round: median, p20 and p80."""
    if fast is None or fast is slow:
        return None
    ratios = [a / b for a, b in zip(slow.seconds, fast.seconds, strict=True)]
    shares: dict[str, Any] = {"ratio": 0.5, "p20": 0.2, "p80": 0.8}
    return {name: round(quantile(ratios, share), 4) for name, share in shares.items()}


def _figures(value: float) -> float:
    return float(f"{value:.4g}")
