"""A ladder for the eye: what is planned, and what came out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console

from fasttricks.bench.ablation.rows import changes
from fasttricks.bench.report import ResultRow
from fasttricks.bench.table import write_results, write_text
from fasttricks.train.ladder import Planned

HEADER = ("rung", "seeds", "top-1\n%", "std", "min-max", "delta", "paper\ntop-1", "paper\ndelta")
IN_SPREAD = " ?"
"""Behind each delta that is no larger than the spread."""


def show_plan(plan: Sequence[Planned], console: Console) -> None:
    """Each rung, and what it changes in the recipe of the one that it adds to."""
    by_name = {step.name: step for step in plan}
    for step in plan:
        title = f"{step.name} ({step.rung.what}; the paper: {step.rung.top1:.2f})"
        if step.skipped:
            write_text(console, f"{title}: skipped, {step.skipped}")
        elif not step.against:
            write_text(console, f"{title}: {describe(step)}")
        else:
            under = by_name[step.against]
            write_text(console, f"{title}: on {step.against}: {'; '.join(changes(under, step))}")


def describe(step: Planned) -> str:
    """The first rung in one line."""
    recipe = step.recipe
    return (
        f"{recipe.model.name} {recipe.model.overrides()}, {recipe.data.size} px, batch "
        f"{recipe.data.batch_size}, {recipe.schedule.epochs} epochs, {recipe.precision}"
    )


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Machine, table, and what the numbers mean and do not mean."""
    first = rows[0]
    settings = (
        f"{first['ladder']}, after {first['source']}; here: {first['model']}, {first['data']}, "
        f"{first['size']} px, {first['epochs']} epochs"
    )
    lines = [cells(row) for row in rows if not row["skipped"]]
    write_results(console, first, settings, HEADER, lines, notes(rows))


def cells(row: ResultRow) -> list[str]:
    """One rung under HEADER."""
    mark = IN_SPREAD if row["in_spread"] else ""
    return [
        row["what"],
        str(len(row["top1"])),
        _figure(row["mean"]),
        _figure(row["std"]),
        "-" if row["mean"] is None else f"{row['min']:.2f}-{row['max']:.2f}",
        _figure(row["delta"], "+.2f") + mark,
        f"{row['paper_top1']:.2f}",
        _figure(row["paper_delta"], "+.2f"),
    ]


def _figure(value: float | None, form: str = ".2f") -> str:
    return "-" if value is None else format(value, form)


def notes(rows: Sequence[ResultRow]) -> list[str]:
    """What stands under the table."""
    lines = [
        "top-1: of the last epoch, mean over seeds; std: sample standard deviation; delta: points "
        "over the rung that it adds to, mean over the seeds that both have",
    ]
    doubtful = [row["what"] for row in rows if row["in_spread"]]
    if doubtful:
        lines.append(
            f"?: WARNING: the spread over seeds is as large as the delta, which says nothing yet: "
            f"{', '.join(doubtful)}"
        )
    if any(row["delta"] is not None and row["spread"] is None for row in rows):
        lines.append("WARNING: with one seed nobody knows the spread: no delta says anything yet")
    lines += _resolution(rows)
    lines += [
        f"{row['what']}: adds to {row['against']}" for row in rows if _adds_elsewhere(rows, row)
    ]
    lines += [
        f"{row['what']}: the loss diverged with seed {', '.join(map(str, row['diverged']))}"
        for row in rows
        if row["diverged"]
    ]
    lines += [f"{row['what']}: skipped: {row['skipped']}" for row in rows if row["skipped"]]
    longer = [f"{row['what']} {row['epochs']}" for row in rows if _longer(row, rows[0])]
    if longer:
        lines.append(f"epochs, in proportion to the paper's: {', '.join(longer)}")
    return lines


def _resolution(rows: Sequence[ResultRow]) -> list[str]:
    """What so few pictures can tell apart, whatever the seeds say."""
    count = max(row["val_pictures"] for row in rows)
    means = [row["mean"] for row in rows if row["mean"] is not None]
    if not count or not means:
        return []
    share = max(means) / 100
    error = 100 * math.sqrt(share * (1 - share) / count)
    return [
        f"evaluated on {count:,} pictures: one is {100 / count:.2g} points, and another draw of "
        f"them would move every figure by {error:.2g} (standard error of the best)"
    ]


def _adds_elsewhere(rows: Sequence[ResultRow], row: ResultRow) -> bool:
    """Whether a rung adds to another than the one shown above it."""
    shown = [other["row"] for other in rows if not other["skipped"]]
    if row["skipped"] or not row["against"]:
        return False
    return bool(shown[shown.index(row["row"]) - 1] != row["against"])


def _longer(row: ResultRow, first: ResultRow) -> bool:
    return not row["skipped"] and row["epochs"] != first["epochs"]
