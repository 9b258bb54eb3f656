"""Results of a mode that has no charts of its own here: a table of all that they say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from fasttricks.bench.report import ResultRow
from fasttricks.report.chart import Bar, Bars, Chart, Section, Table, number
from fasttricks.report.colour import hue_of

SAID_ELSEWHERE = ("machine", "versions", "date", "commit", "command", "mode")
LONGEST_CELL = 120


def section(mode: str, rows: Sequence[ResultRow]) -> Section:
    """One line for each row and a column for each key; a single row is set upright. Rows that all
    have images per second have a chart of them, too."""
    flat = [dict(_flat(row)) for row in rows]
    table = _upright(flat[0]) if len(flat) == 1 else _wide(flat)
    charts = list(_charts(rows, table))
    title = "Other results" if mode == "other" else f"Results of mode {mode}"
    return Section(title=title, charts=charts, tables=() if charts else (table,))


def _charts(rows: Sequence[ResultRow], table: Table) -> Iterator[Chart]:
    rates = [row.get("images_per_s") for row in rows]
    if all(isinstance(rate, int | float) and rate > 0 for rate in rates):
        yield Bars(
            name="rates",
            title="Images per second",
            caption="Whisker from p20 to p80.",
            bars=[_bar(row) for row in rows],
            table=table,
        )


def _bar(row: ResultRow) -> Bar:
    name, rate = str(row.get("row", "")), row["images_per_s"]
    low, high = (
        v if isinstance(v := row.get(key), int | float) else None for key in ("p20", "p80")
    )
    return Bar(label=name, hue=hue_of(name), value=rate, text=number(rate), low=low, high=high)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, text) of all that is in nested objects."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if name or key not in SAID_ELSEWHERE:
                yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, _cell(value)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, float):
        text = f"{value:,.6g}"
    else:
        text = json.dumps(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def _upright(flat: dict[str, str]) -> Table:
    return Table(header=("what", "value"), lines=[list(pair) for pair in flat.items()])


def _wide(flat: Sequence[dict[str, str]]) -> Table:
    columns = list(dict.fromkeys(key for line in flat for key in line))
    return Table(
        header=columns, lines=[[line.get(column, "-") for column in columns] for line in flat]
    )
