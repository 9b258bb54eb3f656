"""A run of `fasttricks bench --kernels`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from fasttricks.bench.report import ResultRow
from fasttricks.report.chart import Bar, Bars, Section, Table, number

OURS = "fasttricks"
OTHER_WORK = " ~"
"""Behind each way that does other work than the kernel, as in the bench's own table."""


def section(rows: Sequence[ResultRow]) -> Section:
    """A chart for each family of kernels: the share of the rate of a plain copy."""
    first = rows[0]
    families: dict[str, list[ResultRow]] = {}
    for row in rows:
        families.setdefault(_family(row), []).append(row)
    where = "on one CPU thread" if first["device"] == "cpu" else "on the GPU, with a cold L2"
    copies = [row["copy_gb_per_s"] for row in rows]
    return Section(
        title=f"Kernels {where}",
        lead=_lead(rows),
        about=[f"{first['rounds']} rounds of {first['seconds']:g} s a kernel, in turn"],
        charts=[_chart(family, found) for family, found in families.items()],
        notes=[
            "GB/s: what the kernel must read and write, each once, over the median time of a call; "
            "no inputs or outputs are in a cache",
            "of copy: of the rate of a plain copy in the same turn, which read and wrote "
            f"{min(copies):,.1f} to {max(copies):,.1f} GB/s",
            *dict.fromkeys(
                f"{row['way']}{OTHER_WORK}: other work: {row['differs']}"
                for row in rows
                if row["differs"]
            ),
            *(f"failed: {line}" for line in first["failed"]),
        ],
    )


def is_ours(way: str) -> bool:
    """Whether a way is this project's."""
    return way.partition(" ")[0] == OURS


def _family(row: ResultRow) -> str:
    name: str = row["row"]
    return name.partition(" ")[0]


def _lead(rows: Sequence[ResultRow]) -> str:
    """Our kernels nearest to and farthest from a copy."""
    ours = sorted((row for row in rows if row["way"] == OURS), key=lambda row: row["copy_share"])
    if not ours:
        return ""
    worst, best = ours[0], ours[-1]
    said = f"Nearest to a copy is {best['row']}: {_rate(best)}"
    return said + (f"; farthest {worst['row']}: {_rate(worst)}." if len(ours) > 1 else ".")


def _rate(row: ResultRow) -> str:
    return f"{number(row['gb_per_s'])} GB/s, {_percent(row['copy_share'])} of copy"


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if share < 1 else f"{share:.0%}"


def _name(row: ResultRow) -> str:
    way: str = row["way"]
    return way + (OTHER_WORK if row["differs"] else "")


def _chart(family: str, rows: Sequence[ResultRow]) -> Bars:
    lines = []
    for kernel, ways in itertools.groupby(rows, key=lambda row: row["row"]):
        lines += [[kernel, *_cells(row)] for row in ways]
    return Bars(
        name=f"kernel-{family}",
        title=f"{family}: share of the copy bandwidth",
        caption="Median over turns, whisker from p20 to p80 of the time; behind it GB/s.",
        bars=[
            Bar(
                label=_name(row),
                hue="ours" if is_ours(row["way"]) else "others",
                value=row["copy_share"],
                text=f"{number(row['gb_per_s'])} GB/s, {_percent(row['copy_share'])}",
                low=row["copy_share"] * row["us"]["median"] / row["us"]["p80"],
                high=row["copy_share"] * row["us"]["median"] / row["us"]["p20"],
                group=row["row"],
            )
            for row in rows
        ],
        mark=1.0,
        mark_text="copy",
        table=Table(
            header=("kernel", "way", "µs", "p20-p80", "GB/s", "of copy", "time to ours"),
            lines=lines,
        ),
    )


def _cells(row: ResultRow) -> list[str]:
    us = row["us"]
    return [
        _name(row),
        f"{us['median']:,.1f}",
        f"{us['p20']:,.1f}-{us['p80']:,.1f}",
        number(row["gb_per_s"]),
        _percent(row["copy_share"]),
        f"{row['ratio']:.2f}",
    ]
