"""The results of `fasttricks bench --train` for the eye, with what they mean in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from fasttricks.bench.report import ResultRow
from fasttricks.bench.table import ratio_cells, short, short_range, write_results
from fasttricks.bench.train.measure import CACHED, LOADER, TRAINING

HEADER = (
    *("what", "images\n/s", "p20-p80", "ms a\nstep", "of\ncached", "p20-p80"),
    *("of\npossible", "p20-p80"),
)
NEXT_TO_NOTHING = 0.05
"""Up to this share of the work a loader is not worth a word."""
ENOUGH = {True: 0.95, False: 0.97}
"""Of what is possible, with shared cores and without: from here on nothing notable is lost."""


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Machine, table, and what holds training back."""
    first = rows[0]
    threads = f", torch threads {first['torch_threads']}" if first["device"] == "cpu" else ""
    settings = (
        f"recipe {first['recipe']}: {first['model']}, {first['size']} px, batch "
        f"{first['batch_size']}, {first['precision']}, {first['device']}{threads}, loader threads "
        f"{first['threads']}; {first['files']:,} pictures ({first['data']}); {first['rounds']} "
        f"rounds of {first['seconds']:g} s a row, in turn"
    )
    write_results(console, first, settings, HEADER, [cells(row) for row in rows], notes(rows))


def cells(row: ResultRow) -> list[str]:
    """One row under HEADER."""
    return [
        row["row"],
        short(row["images_per_s"]),
        short_range(row),
        short(row["step_ms"]),
        *ratio_cells(row["to_cached"] if row["kind"] != CACHED else None),
        *ratio_cells(row["to_bound"]),
    ]


def notes(rows: Sequence[ResultRow]) -> list[str]:
    """What stands under the table: a line for each pipeline says what holds training back."""
    shared = rows[0]["device"] == "cpu"
    possible = (
        "1 / (t_step + t_load), as loader and step share the cores"
        if shared
        else "the slower of loader and step, as they run on different hardware"
    )
    lines = [
        "of cached: images/s over those of the step on a cached batch in the same round, median; "
        f"of possible: over what step and loader alone allow: {possible}",
    ]
    step = next(row for row in rows if row["kind"] == CACHED)
    loaders = {row["pipeline"]: row for row in rows if row["kind"] == LOADER}
    for row in rows:
        if row["kind"] == TRAINING:
            words = _shared if shared else _apart
            lines.append(f"{row['pipeline']}: {words(step, loaders[row['pipeline']], row)}")
    return lines


def _shared(step: ResultRow, loader: ResultRow, training: ResultRow) -> str:
    """On one set of cores all work counts, and so does what is lost between its two kinds."""
    share = loader["step_ms"] / (loader["step_ms"] + step["step_ms"])
    if share <= NEXT_TO_NOTHING:
        text = f"what holds training back is the step; the loader is {share:.0%} of the work"
    elif share < 0.5:
        text = f"what holds training back is the step, and the loader with {share:.0%} of the work"
    else:
        text = f"what holds training back is the loader: {share:.0%} of the work"
    return text + _lost(training, ENOUGH[True], "threads of both get in each other's way")


def _apart(step: ResultRow, loader: ResultRow, training: ResultRow) -> str:
    """On a GPU the slower of the two counts."""
    headroom = step["step_ms"] / loader["step_ms"]
    if headroom >= 1:
        text = f"what holds training back is the step; alone the loader is {headroom:.2f} x as fast"
    else:
        text = (
            f"what holds training back is the loader: {short(loader['images_per_s'])} images/s "
            f"alone, where the step takes {short(step['images_per_s'])}"
        )
    return text + _lost(
        training, ENOUGH[False], "the loader's copies and kernels take time from the step's"
    )


def _lost(training: ResultRow, enough: float, why: str) -> str:
    bound = training["to_bound"]
    text = f"; together they reach {bound['ratio']:.3f} of what is possible"
    if bound["ratio"] >= enough:
        return text
    if bound["p80"] >= enough:
        return f"{text}; the rounds differ too much to say that anything is lost"
    return f"{text}: {why}"
