"""Step alone, loader alone, and both together, taking turns round by round."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fasttricks.bench.report import ResultRow
from fasttricks.bench.stats import ratios, throughput
from fasttricks.bench.train.subject import Subject, kept, made_up
from fasttricks.bench.turns import Entry, nothing, take_turns, warm_up
from fasttricks.pipelines.loader import Loader

SYNTHETIC, CACHED = "step, made-up pictures", "step, cached batch"
LOADER, TRAINING = "loader", "training"
DRAIN = 6
"""Steps before the clock starts: more than any loader has batches in work."""


@dataclass(kw_only=True)
class TrainEntry(Entry):
    """One row."""

    kind: str
    pipeline: str
    """"" for the step alone."""
    lead: int = DRAIN


def entries_of(subject: Subject, loaders: dict[str, Loader]) -> list[TrainEntry]:
    """The step by itself, then each pipeline by itself and with the step."""
    first = subject.stream(next(iter(loaders.values())))
    cached = [kept(batch) for batch in first.take()]
    first.close()
    noise = [made_up(batch) for batch in cached]
    entries = [
        _entry(kind, "", partial(subject.step, batches), subject.look)
        for kind, batches in ((SYNTHETIC, noise), (CACHED, cached))
    ]
    for name, loader in loaders.items():
        entries += _of_pipeline(subject, name, loader)
    return entries


def _of_pipeline(subject: Subject, name: str, loader: Loader) -> list[TrainEntry]:
    alone, fed = subject.stream(loader), subject.stream(loader)

    def take() -> None:
        deque(alone.take(), maxlen=0)

    def train() -> None:
        subject.step(fed.take())

    return [
        _entry(LOADER, name, take, subject.wait, alone.close),
        _entry(TRAINING, name, train, subject.look, fed.close),
    ]


def _entry(
    kind: str,
    pipeline: str,
    once: Callable[[], None],
    settle: Callable[[], None],
    close: Callable[[], None] = nothing,
) -> TrainEntry:
    return TrainEntry(
        label=f"{kind} {pipeline}".strip(),
        kind=kind,
        pipeline=pipeline,
        once=once,
        settle=settle,
        close=close,
    )


def measure(
    entries: Sequence[TrainEntry],
    *,
    rounds: int,
    seconds: float,
    warmup: float,
    tell: Callable[[str], None],
) -> None:
    """Warm everything up, then time each entry once a round; see `take_turns`."""
    for entry in entries:
        tell(f"{entry.label}: first steps")
        warm_up(entry, seconds=seconds, warmup=warmup)
    take_turns(entries, rounds=rounds, seconds=seconds, tell=tell)


def results(
    entries: Sequence[TrainEntry], batch_size: int, *, shared_cores: bool
) -> list[ResultRow]:
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
        row: ResultRow = {
            "row": entry.label,
            "kind": entry.kind,
            "pipeline": entry.pipeline,
            **throughput([batch_size / seconds for seconds in entry.seconds]),
            "step_ms": round(1e3 * statistics.median(entry.seconds), 4),
            "to_cached": ratios(cached.seconds, entry.seconds),
            "to_bound": None,
            "rounds": len(entry.seconds),
        }
        if entry.kind == TRAINING:
            pairs = zip(cached.seconds, loaders[entry.pipeline].seconds, strict=True)
            together = sum if shared_cores else max
            row["to_bound"] = ratios([together(pair) for pair in pairs], entry.seconds)
        rows.append(row)
    return rows
