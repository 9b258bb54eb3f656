"""How many times as fast: to the first row, to peers, and variants to their own pipeline."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from fasttricks.bench import table as bench_table
from fasttricks.bench.config import NO_LOADERS, PEERS
from fasttricks.bench.report import ResultRow
from fasttricks.bench.stats import quantile
from fasttricks.report.chart import Bar, Chart, Dots, Table
from fasttricks.report.colour import hue_of

Ratio = tuple[float, float, float]
"""Median, p20 and p80."""


def against(row: ResultRow, base: ResultRow) -> Ratio:
    """The ratio of two rates in the same round: what slows a machine for a while slows both. Where
    their rounds are not the same ones, of the medians, without a spread."""
    if len(row["rates"]) != len(base["rates"]) or not row["rates"]:
        middle = row["images_per_s"] / base["images_per_s"]
        return middle, middle, middle
    ratios = [ours / theirs for ours, theirs in zip(row["rates"], base["rates"], strict=True)]
    return statistics.median(ratios), quantile(ratios, 0.2), quantile(ratios, 0.8)


def ratio_charts(shown: Sequence[ResultRow], rows: Sequence[ResultRow]) -> list[Chart]:
    """Those that there are: to the first row, to each peer, and of variants.

    Args:
        shown: each row once, the fastest first.
        rows: as measured; the first of them is that to which the others are compared.
    """
    charts: list[Chart] = []
    if len(shown) > 1:
        first = [row for row in shown if row["row"] == rows[0]["row"]]
        charts.append(_to_first(shown, (first or shown)[0]))
    peers = [row for row in shown if row["row"] in PEERS and row["row"] not in NO_LOADERS]
    ours = [row for row in shown if row["row"] not in PEERS]
    if peers and ours:
        charts.append(_to_peers(ours, peers))
    if variants := [row for row in shown if row["own"]]:
        charts.append(_of_variants(variants))
    return charts


def _bar(row: ResultRow, ratio: Ratio, label: str, group: str = "") -> Bar:
    middle, low, high = ratio
    return Bar(
        label=label,
        hue=hue_of(row["row"]),
        value=middle,
        text=f"{middle:.2f}",
        low=low,
        high=high,
        faint=":" in row["row"],
        group=group,
    )


def _cells(row: ResultRow, ratio: Ratio) -> list[str]:
    return [bench_table.name_of(row), str(row["threads"]), *(f"{value:.3f}" for value in ratio)]


def _to_first(shown: Sequence[ResultRow], base: ResultRow) -> Chart:
    name = f"{base['row']} x{base['threads']}"
    found = [(row, against(row, base)) for row in shown]
    return Dots(
        name="ratio",
        title=f"Ratio to {name}",
        caption="Median over rounds of the two rates in the same round, whisker from p20 to p80. "
        "The axis is logarithmic: twice and half are as far from 1.",
        bars=[_bar(row, ratio, bench_table.name_of(row)) for row, ratio in found],
        mark=1.0,
        mark_text=name,
        table=Table(
            header=("row", "threads", "ratio", "p20", "p80"),
            lines=[_cells(row, ratio) for row, ratio in found],
        ),
    )


def _to_peers(ours: Sequence[ResultRow], peers: Sequence[ResultRow]) -> Chart:
    """Ours that decode the files' own pixels as dots under each peer; all of ours in the table."""
    plain = [row for row in ours if ":" not in row["row"] and not row["decode_s"]] or ours
    return Dots(
        name="peers",
        title="Ratio to peers",
        caption="How many times as fast as each peer, which runs its own recipe on the same files: "
        "median and p20 to p80 over rounds, on a logarithmic axis. Variants are in the table.",
        bars=[
            _bar(row, against(row, peer), bench_table.name_of(row), f"to {peer['row']}")
            for peer in peers
            for row in plain
        ],
        mark=1.0,
        mark_text="as fast",
        table=Table(
            header=("row", *(f"to {peer['row']}" for peer in peers)),
            lines=[
                [
                    bench_table.name_of(row),
                    *("{:.2f} ({:.2f}-{:.2f})".format(*against(row, peer)) for peer in peers),
                ]
                for row in ours
            ],
        ),
    )


def _of_variants(variants: Sequence[ResultRow]) -> Chart:
    found = [(row, (row["own"]["ratio"], row["own"]["p20"], row["own"]["p80"])) for row in variants]
    return Dots(
        name="variants",
        title="Variants to their own pipeline",
        caption="The rate of each variant over that of the pipeline that it is a variant of, in "
        "the same round.",
        bars=[_bar(row, ratio, bench_table.name_of(row)) for row, ratio in found],
        mark=1.0,
        mark_text="as fast",
        table=Table(
            header=("row", "threads", "to its pipeline", "p20", "p80"),
            lines=[_cells(row, ratio) for row, ratio in found],
        ),
    )
