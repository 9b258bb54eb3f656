"""Step alone, loader alone, and both together, taking turns round by round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fasttricks.bench.report import ResultRow
from fasttricks.bench.stats import quantile
from fasttricks.bench.train.subject import Stream, Subject, kept, made_up
from fasttricks.pipelines.loader import Loader
from fasttricks.train.feed import Batch

SYNTHETIC, CACHED = "step, made-up pictures", "step, cached batch"
LOADER, TRAINING = "loader", "training"
FEWEST_ROUNDS = 7
"""Pairs from which a spread of ratios says something."""
DRAIN = 6
"""Steps before the clock starts: more than any loader has batches in work."""


@dataclass(kw_only=True)
class Entry:
    """One row, and what was seen of it."""

    kind: str
    pipeline: str
    """"" for the step alone."""
    once: Callable[[], None]
    settle: Callable[[], None]
    """Waits until all is done that was started."""
    close: Callable[[], None] = lambda: None
    """Ends what goes on in the background."""
    calls: int = 1
    seconds: list[float] = field(default_factory=list)
    """Of one step, for every round."""


def entries_of(subject: Subject, loaders: dict[str, Loader]) -> list[Entry]:
    """The step by itself, then each pipeline by itself and with the step."""
    first = subject.stream(next(iter(loaders.values())))
    cached = [kept(batch) for batch in first.take()]
    first.close()
    noise = [made_up(batch) for batch in cached]
    entries = [
        Entry(kind=kind, pipeline="", once=_stepping(subject, batches), settle=subject.look)
        for kind, batches in ((SYNTHETIC, noise), (CACHED, cached))
    ]
    for name, loader in loaders.items():
        alone, fed = subject.stream(loader), subject.stream(loader)
        entries += [
            Entry(
                kind=LOADER,
                pipeline=name,
                once=_taking(alone),
                settle=subject.wait,
                close=alone.close,
            ),
            Entry(
                kind=TRAINING,
                pipeline=name,
                once=_training(subject, fed),
                settle=subject.look,
                close=fed.close,
            ),
        ]
    return entries


def _stepping(subject: Subject, batches: list[Batch]) -> Callable[[], None]:
    return lambda: subject.step(batches)


def _taking(stream: Stream) -> Callable[[], None]:
    def once() -> None:
        for _ in stream.take():
            pass

    return once


def _training(subject: Subject, stream: Stream) -> Callable[[], None]:
    return lambda: subject.step(stream.take())


def measure(
    entries: Sequence[Entry],
    *,
    rounds: int,
    seconds: float,
    warmup: float,
    tell: Callable[[str], None],
) -> None:
    """Warm everything up, then time each entry once a round for about `seconds`."""
    for entry in entries:
        tell(f"{entry.kind} {entry.pipeline}: first steps")
        entry.calls = max(1, round(seconds / _warm(entry, warmup)))
    for number in range(1, rounds + 1):
        for entry in entries:
            tell(f"{entry.kind} {entry.pipeline}: round {number} of {rounds}")
            entry.seconds.append(timed(entry, entry.calls))
            entry.calls = max(1, round(seconds / entry.seconds[-1]))  # the machine may have changed


def _warm(entry: Entry, seconds: float) -> float:
    """Run for so long; how long a step took in the end."""
    end = time.perf_counter() + seconds
    while (took := timed(entry, 1)) and time.perf_counter() < end:
        pass
    return took


def timed(entry: Entry, calls: int) -> float:
    """Seconds of one of `calls` steps, after what was made before is used up."""
    for _ in range(DRAIN):
        entry.once()
    entry.settle()
    begin = time.perf_counter()
    for _ in range(calls):
        entry.once()
    entry.settle()
    took = (time.perf_counter() - begin) / calls
    entry.close()
    return took


def results(entries: Sequence[Entry], batch_size: int, *, shared_cores: bool) -> list[ResultRow]:
    """One row for each entry.

    images_per_s: median over rounds, p20 and p80 beside it. to_cached: its rate over that of the
    step on a cached batch in the same round. to_bound, of training: its rate over what step and
    loader allow: 1 / (t_step + t_load) where they share the cores, 1 / max(t_step, t_load) where
    they do not. Both as median, p20 and p80 over rounds.
    """
    cached = next(entry for entry in entries if entry.kind == CACHED)
    loaders = {entry.pipeline: entry for entry in entries if entry.kind == LOADER}
    rows = []
    for entry in entries:
        rates = [batch_size / seconds for seconds in entry.seconds]
        row: ResultRow = {
            "row": f"{entry.kind} {entry.pipeline}".strip(),
            "kind": entry.kind,
            "pipeline": entry.pipeline,
            "images_per_s": round(statistics.median(rates), 3),
            "p20": round(quantile(rates, 0.2), 3),
            "p80": round(quantile(rates, 0.8), 3),
            "step_ms": round(1e3 * statistics.median(entry.seconds), 4),
            "to_cached": ratios(cached.seconds, entry.seconds),
            "to_bound": None,
            "rounds": len(entry.seconds),
            "rates": [round(rate, 3) for rate in rates],
        }
        if entry.kind == TRAINING:
            pairs = zip(cached.seconds, loaders[entry.pipeline].seconds, strict=True)
            together = sum if shared_cores else max
            row["to_bound"] = ratios([together(pair) for pair in pairs], entry.seconds)
        rows.append(row)
    return rows


def ratios(above: Sequence[float], below: Sequence[float]) -> dict[str, float]:
    """Of seconds in the same round: median, p20 and p80."""
    values = [a / b for a, b in zip(above, below, strict=True)]
    shares = {"ratio": 0.5, "p20": 0.2, "p80": 0.8}
    return {name: round(quantile(values, share), 4) for name, share in shares.items()}
