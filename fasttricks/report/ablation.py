"""A run of `fasttricks ablate`: what each rung of a ladder brought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fasttricks.bench.report import ResultRow
from fasttricks.report.chart import Bar, Bars, Chart, Dots, Section, Table, figure


def section(rows: Sequence[ResultRow]) -> Section:
    """Top-1 of each rung, and what it brought beside what it brought the paper."""
    first = rows[0]
    trained = [row for row in rows if row["mean"] is not None]
    return Section(
        title=f"Ablation: {first['ladder']}",
        lead=_lead(trained),
        about=[f"{first['model']}, {first['size']} px, {first['epochs']} epochs"],
        charts=list(_charts(trained, rows)) if trained else [],
        tables=[] if trained else [_table(rows)],
        notes=[f"{row['row']}: skipped, {row['skipped']}" for row in rows if row["skipped"]],
    )


def _lead(trained: Sequence[ResultRow]) -> str:
    if len(trained) < 2:
        return ""
    first, last = trained[0], trained[-1]
    return (
        f"From {first['row']} with {first['mean']:.2f} % top-1 to {last['row']} with "
        f"{last['mean']:.2f} %."
    )


def _charts(trained: Sequence[ResultRow], rows: Sequence[ResultRow]) -> Iterator[Chart]:
    yield Dots(
        name="ablation",
        title="Top-1 by rung",
        caption="Percent, mean over seeds; small each seed, whisker from the least to the most; "
        "behind it what the rung brought, with ? where that is no more than the spread between "
        "seeds.",
        log=False,
        bars=[
            Bar(
                label=row["row"],
                hue="ours",
                value=row["mean"],
                text=f"{row['mean']:.2f}" + (f" ({delta})" if (delta := _delta(row)) else ""),
                low=row["min"],
                high=row["max"],
                each=list(row["top1"].values()),
            )
            for row in trained
        ],
        table=_table(rows),
    )
    if compared := [row for row in trained if row["delta"] is not None]:
        yield _deltas(compared)


def _deltas(rows: Sequence[ResultRow]) -> Chart:
    return Bars(
        name="deltas",
        title="What each rung brought",
        caption="Points of top-1 over the rung that it adds to, here and in the paper; whisker: as "
        "far as the spread between seeds, where several were run.",
        bars=[bar for row in rows for bar in _delta_bars(row)],
        mark=0.0,
        table=Table(
            header=("rung", "delta", "spread", "paper's delta"),
            lines=[
                [
                    row["row"],
                    _delta(row),
                    figure(row["spread"]),
                    figure(row["paper_delta"], "+.2f"),
                ]
                for row in rows
            ],
        ),
    )


def _delta_bars(row: ResultRow) -> Iterator[Bar]:
    delta, spread, paper = row["delta"], row["spread"], row["paper_delta"]
    low, high = (None, None) if spread is None else (delta - spread, delta + spread)
    yield Bar(label=row["row"], hue="ours", value=delta, text=_delta(row), low=low, high=high)
    if paper is not None:
        yield Bar(label="the paper", hue="others", value=paper, text=f"{paper:+.2f}")


def _table(rows: Sequence[ResultRow]) -> Table:
    return Table(
        header=("rung", "top-1, %", "std", "min-max", "delta", "paper's top-1", "paper's delta"),
        lines=[
            [
                row["row"],
                figure(row["mean"]),
                figure(row["std"]),
                "-" if row["min"] is None else f"{row['min']:.2f}-{row['max']:.2f}",
                _delta(row) or "-",
                figure(row["paper_top1"]),
                figure(row["paper_delta"], "+.2f"),
            ]
            for row in rows
        ],
    )


def _delta(row: ResultRow) -> str:
    if row["delta"] is None:
        return ""
    return f"{row['delta']:+.2f}" + (" ?" if row["in_spread"] else "")
