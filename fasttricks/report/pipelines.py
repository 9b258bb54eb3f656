"""A run of the loaders: throughput, per core, ratios, stages, threads, memory."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from fasttricks.bench import table as bench_table
from fasttricks.bench.config import PEERS
from fasttricks.bench.report import ResultRow
from fasttricks.bench.scaling import curves
from fasttricks.report.chart import (
    Bar,
    Bars,
    Chart,
    Dots,
    Line,
    Lines,
    Section,
    Segment,
    Spot,
    Stack,
    Stacks,
    Table,
    number,
)
from fasttricks.report.colour import SHADES, hue_of
from fasttricks.report.ratios import against, ratio_charts

TOO_FAR = 8.0
"""The fastest row over the median one from which on bars would hide the others."""


def section(rows: Sequence[ResultRow]) -> Section:
    """All charts for which the rows have numbers, the fastest row first in each."""
    first = rows[0]
    loaders = [row for row in rows if row["batches"]] or rows  # others stand in the tables only
    shown = sorted(at_most_threads(loaders), key=lambda row: row["images_per_s"], reverse=True)
    charts: list[Chart] = [_throughput(shown, rows)]
    if curves(loaders):
        charts.append(_scaling(loaders))
    charts += [*ratio_charts(shown, rows), _per_core(shown)]
    if any(row["stages"] for row in shown):
        charts.append(_stages([row for row in shown if row["stages"]]))
    charts += [_cpu(shown), _memory(shown)]
    device = "CPU" if first["device"] == "cpu" else "GPU"
    mode = "evaluation" if first["eval"] else "training"
    return Section(
        title=f"Loaders on the {device}: {mode}, work {first['work']}, {first['size']} px",
        lead=lead(shown),
        about=[bench_table.settings_of(first)],
        charts=charts,
        notes=bench_table.notes(rows),
    )


def at_most_threads(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Each row at the highest number of threads it was measured at."""
    best: dict[str, ResultRow] = {}
    for row in rows:
        if row["row"] not in best or row["threads"] > best[row["row"]]["threads"]:
            best[row["row"]] = row
    return list(best.values())


def is_peer(row: ResultRow) -> bool:
    """Whether others made it."""
    return row["row"] in PEERS


def lead(shown: Sequence[ResultRow]) -> str:
    """The fastest pipeline of ours that decodes the files' own pixels each time, in a sentence."""
    usual = [r for r in shown if not is_peer(r) and not r["pixels"] and not r["decode_s"]]
    if not usual:
        return ""
    best = usual[0]
    said = (
        f"Of the pipelines that decode the files' own pixels, {best['row']} is the fastest: "
        f"{best['images_per_s']:,.0f} images/s (p20 to p80: {best['p20']:,.0f} to "
        f"{best['p80']:,.0f}) on {threads([best])}"
    )
    loaders = [r for r in shown if is_peer(r) and r["row"] not in ("floor", "index")]
    times = [f"{against(best, peer)[0]:.2f} times {peer['row']}" for peer in loaders]
    return said + (f", {', '.join(times)}." if times else ".")


def threads(rows: Sequence[ResultRow]) -> str:
    """Their thread counts in words."""
    counts = sorted({row["threads"] for row in rows})
    return f"{', '.join(map(str, counts))} thread" + ("" if counts == [1] else "s")


def bar(row: ResultRow, value: float, text: str, spread: float | None = None) -> Bar:
    """A row's bar.

    Args:
        row: for its name and hue.
        value: how long.
        text: in words.
        spread: what p20 and p80 of images/s are multiplied by for the whisker; None: no whisker.
    """
    return Bar(
        label=bench_table.name_of(row),
        hue=hue_of(row["row"]),
        value=value,
        text=text,
        low=None if spread is None else spread * row["p20"],
        high=None if spread is None else spread * row["p80"],
        faint=":" in row["row"],
    )


def _throughput(shown: Sequence[ResultRow], rows: Sequence[ResultRow]) -> Chart:
    bars = [bar(row, row["images_per_s"], f"{row['images_per_s']:,.0f}", 1.0) for row in shown]
    far = _far_apart([row["images_per_s"] for row in shown])
    caption = f"Images per second on {threads(shown)}: median over rounds, whisker from p20 to p80."
    if far:
        caption += " The axis is logarithmic: compare places, not lengths."
    heads = [head.replace("\n", " ") for head in bench_table.HEADER]
    return (Dots if far else Bars)(
        name="throughput",
        title="Throughput",
        caption=caption,
        bars=bars,
        table=Table(header=heads, lines=[bench_table.cells(row) for row in rows]),
    )


def _far_apart(values: Sequence[float]) -> bool:
    """Whether the largest would leave bars of the others too short to compare."""
    return max(values) > TOO_FAR * statistics.median_high(values)


def _per_core(shown: Sequence[ResultRow]) -> Chart:
    ordered = sorted(shown, key=lambda row: row["images_per_s_per_core"], reverse=True)
    scaled = [(row, row["images_per_s_per_core"] / row["images_per_s"]) for row in ordered]
    far = _far_apart([row["images_per_s_per_core"] for row in shown])
    return (Dots if far else Bars)(
        name="per-core",
        title="Per core",
        caption="Images per second over the threads or workers given; whisker from p20 to p80."
        + (" The axis is logarithmic." if far else ""),
        bars=[
            bar(row, row["images_per_s_per_core"], f"{row['images_per_s_per_core']:,.0f}", share)
            for row, share in scaled
        ],
        table=Table(
            header=("row", "threads", "images/s per core", "p20", "p80"),
            lines=[
                [
                    bench_table.name_of(row),
                    str(row["threads"]),
                    f"{row['images_per_s_per_core']:,.0f}",
                    f"{row['p20'] * share:,.0f}",
                    f"{row['p80'] * share:,.0f}",
                ]
                for row, share in scaled
            ],
        ),
    )


def _stages(shown: Sequence[ResultRow]) -> Chart:
    found = dict.fromkeys(stage for row in shown for stage in row["stages"])
    names = [*(stage for stage in SHADES if stage in found), *(s for s in found if s not in SHADES)]
    stacks = [
        Stack(
            label=bench_table.name_of(row),
            hue=hue_of(row["row"]),
            segments=[
                Segment(name=name, value=max(0.0, row["stages"][name]))
                for name in names
                if name in row["stages"]
            ],
        )
        for row in shown
    ]
    lines = [
        [
            stack.label,
            *(f"{row['stages'][n]:.3f}" if n in row["stages"] else "-" for n in names),
            f"{stack.total:.3f}",
        ]
        for stack, row in zip(stacks, shown, strict=True)
    ]
    return Stacks(
        name="stages",
        title="Where the time goes",
        caption="Milliseconds of one core per picture, by stage; from a pass after the rounds.",
        stacks=stacks,
        unit="ms",
        table=Table(header=("row", *names, "sum"), lines=lines),
    )


def _scaling(rows: Sequence[ResultRow]) -> Chart:
    found = curves(rows)
    names = {row["row"]: bench_table.name_of(row) for row in rows}
    lines = []
    for name, points in found.items():
        points = sorted(points)
        spots = [Spot(x=p.threads, y=p.rate, low=p.p20, high=p.p80) for p in points]
        text = f"{points[-1].rate:,.0f}"
        lines.append(Line(label=names[name], hue=hue_of(name), spots=spots, text=text))
    cells = [
        [
            names[name],
            str(p.threads),
            f"{p.rate:,.0f}",
            f"{p.p20:,.0f}-{p.p80:,.0f}",
            f"{p.efficiency:.0%}",
        ]
        for name, points in found.items()
        for p in sorted(points)
    ]
    return Lines(
        name="threads",
        title="Scaling with threads",
        caption="Dashed: in proportion to the first count. Both axes are logarithmic.",
        lines=lines,
        x_title="threads",
        y_title="images/s",
        log=True,
        proportional=True,
        table=Table(header=("row", "threads", "images/s", "p20-p80", "efficiency"), lines=cells),
    )


def _cpu(shown: Sequence[ResultRow]) -> Chart:
    ordered = sorted(shown, key=lambda row: row["cpu_s_per_1000"])
    return Bars(
        name="cpu",
        title="CPU time",
        caption="CPU seconds of all a row's processes for 1000 pictures; less is better.",
        bars=[
            bar(row, row["cpu_s_per_1000"], f"{number(row['cpu_s_per_1000'])} s") for row in ordered
        ],
        table=Table(
            header=("row", "threads", "CPU s per 1000"),
            lines=[
                [bench_table.name_of(r), str(r["threads"]), f"{r['cpu_s_per_1000']:.3f}"]
                for r in ordered
            ],
        ),
    )


def _memory(shown: Sequence[ResultRow]) -> Chart:
    ordered = sorted(shown, key=lambda row: row["peak_rss_mb"])
    return Bars(
        name="memory",
        title="Memory",
        caption="Sum of each process's peak RSS, shared pages counted in each; less is better.",
        bars=[bar(row, row["peak_rss_mb"], f"{row['peak_rss_mb']:,.0f} MB") for row in ordered],
        table=Table(
            header=("row", "threads", "peak RSS, MB", "of it shared, MB", "peak PSS, MB"),
            lines=[list(_memory_cells(row)) for row in ordered],
        ),
    )


def _memory_cells(row: ResultRow) -> Iterator[str]:
    yield bench_table.name_of(row)
    yield str(row["threads"])
    for key in ("peak_rss_mb", "peak_shared_mb", "peak_pss_mb"):
        yield f"{row[key]:,.0f}" if isinstance(row.get(key), int | float) else "-"
