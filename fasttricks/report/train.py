"""A run of `fasttricks bench --train`: how much room there is between step and loader."""

from __future__ import annotations

from collections.abc import Sequence

from fasttricks.bench.report import ResultRow
from fasttricks.report.chart import Bar, Bars, Chart, Section, Table, number, ratio
from fasttricks.report.colour import hue_of

CACHED, LOADER, TRAINING = "step, cached batch", "loader", "training"
"""Kinds of rows; `fasttricks.bench.train.measure`, which brings torch, has the same."""
ALONE = "the step alone"


def section(rows: Sequence[ResultRow]) -> Section:
    """Rates of step, loaders and both together, and what share of the possible that is."""
    first = rows[0]
    charts: list[Chart] = [_rates(rows)]
    if any(row["to_bound"] for row in rows):
        charts.append(_reached([row for row in rows if row["to_bound"]]))
    possible = (
        "1 / (time of the step + time of the loader), as both share the cores"
        if first["device"] == "cpu"
        else "the slower of loader and step, as they run on different hardware"
    )
    return Section(
        title=f"Training head-room: recipe {first['recipe']} on the {first['device'].upper()}",
        lead=_lead(rows),
        about=[
            f"{first['model']}, {first['size']} px, batch {first['batch_size']}, "
            f"{first['precision']}, loader threads {first['threads']}, {first['files']:,} "
            f"pictures, {first['rounds']} rounds of {first['seconds']:g} s a row, in turn"
        ],
        charts=charts,
        notes=[f"possible: what step and loader alone allow: {possible}"],
    )


def _lead(rows: Sequence[ResultRow]) -> str:
    """For each pipeline how its loader compares with the step, and what both reach together."""
    steps = {row["kind"]: row for row in rows}
    loaders = {row["pipeline"]: row for row in rows if row["kind"] == LOADER}
    said = []
    for row in rows:
        loader = loaders.get(row["pipeline"])
        if row["kind"] != TRAINING or not row["to_bound"] or not loader or CACHED not in steps:
            continue
        room = loader["images_per_s"] / steps[CACHED]["images_per_s"]
        said.append(
            f"{row['pipeline']} alone is {number(room)} times as fast as the step, and both "
            f"together reach {row['to_bound']['ratio']:.0%} of what is possible"
        )
    return "; ".join(said) + "." if said else ""


def _rates(rows: Sequence[ResultRow]) -> Chart:
    alone = [row["images_per_s"] for row in rows if row["kind"] == CACHED]
    return Bars(
        name="head-room",
        title="Step, loader, and both",
        caption="Images per second, median over rounds, whisker from p20 to p80.",
        bars=[
            Bar(
                label=row["kind"],
                hue=hue_of(row["pipeline"]) if row["pipeline"] else "ours",
                value=row["images_per_s"],
                text=number(row["images_per_s"]),
                low=row["p20"],
                high=row["p80"],
                faint=row["kind"] == LOADER,
                group=row["pipeline"] or "no loader",
            )
            for row in rows
        ],
        mark=alone[0] if alone else None,
        mark_text=ALONE,
        table=Table(
            header=("what", "images/s", "p20-p80", "ms a step", "of cached", "of possible"),
            lines=[_cells(row) for row in rows],
        ),
    )


def _cells(row: ResultRow) -> list[str]:
    return [
        row["row"],
        number(row["images_per_s"]),
        f"{number(row['p20'])}-{number(row['p80'])}",
        number(row["step_ms"]),
        ratio(row["to_cached"]),
        ratio(row["to_bound"]),
    ]


def _reached(rows: Sequence[ResultRow]) -> Chart:
    return Bars(
        name="reached",
        title="What is reached of what is possible",
        caption="The rate of training over what step and loader alone allow, in the same round.",
        bars=[
            Bar(
                label=row["pipeline"],
                hue=hue_of(row["pipeline"]),
                value=row["to_bound"]["ratio"],
                text=f"{row['to_bound']['ratio']:.0%}",
                low=row["to_bound"]["p20"],
                high=row["to_bound"]["p80"],
            )
            for row in rows
        ],
        mark=1.0,
        mark_text="possible",
        table=Table(
            header=("pipeline", "of possible (p20-p80)"),
            lines=[[row["pipeline"], ratio(row["to_bound"])] for row in rows],
        ),
    )
