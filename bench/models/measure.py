"""Networks and a plain copy taking turns, and what comes of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fasttricks.bench.kernels.clock import Clock, Job
from fasttricks.bench.kernels.measure import copy_runner
from fasttricks.bench.report import ResultRow
from fasttricks.bench.stats import figures, ratios, throughput
from fasttricks.bench.turns import Entry, take_turns

Network = tuple[str, str]
"""Library, and what the network is called there."""


@dataclass(kw_only=True)
class NetworkEntry(Entry):
    """One network in one mode."""

    row: str
    """`training eager`, `training compiled`, `inference eager`, `inference compiled`."""
    network: Network
    nbytes: int
    """That a step moves by the byte model."""


def measure(
    entries: Sequence[NetworkEntry],
    clock: Clock,
    *,
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
) -> tuple[list[float], int]:
    """Time each entry, and a copy, once a round; see `take_turns`.

    Returns:
        Seconds of a copy for every round, and the bytes that it reads and writes.
    """
    copier, copy_bytes = copy_runner(0, clock)
    copy_job: tuple[Job, int] = copier, clock.calls(copier)
    copies: list[float] = []

    def copy() -> None:
        copies.extend(clock.turn([copy_job]))

    take_turns(entries, rounds=rounds, seconds=seconds, tell=tell, after_round=copy)
    return copies, copy_bytes


def results(
    entries: Sequence[NetworkEntry],
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
                **throughput([batch_size / seconds for seconds in entry.seconds]),
                "ours_to_it": _ratio(entry, known.get((entry.row, ours))),
                "to_eager": _ratio(eager, entry),
                "step_ms": round(1e3 * middle, 4),
                "mb_per_image": round(entry.nbytes / batch_size / 1e6, 2),
                "gb_per_s": figures(entry.nbytes / middle / 1e9),
                "copy_share": figures(statistics.median(shares)),
                "copy_gb_per_s": figures(copy_bytes / statistics.median(copies) / 1e9),
                "first_step_s": round(entry.first_s, 3),
                "rounds": len(entry.seconds),
                "steps": entry.calls,
            }
        )
    return rows


def _ratio(slow: NetworkEntry | None, fast: NetworkEntry | None) -> dict[str, float] | None:
    """Rate of `fast` over that of `slow` in the same round."""
    if slow is None or fast is None or fast is slow:
        return None
    return ratios(slow.seconds, fast.seconds)
