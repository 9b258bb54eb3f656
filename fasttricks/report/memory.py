"""A run of `python -m fasttricks.bench.memory`: memory epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

from fasttricks.bench.report import ResultRow
from fasttricks.report.chart import Chart, Line, Lines, Section, Spot, Table
from fasttricks.report.colour import hue_of


def section(rows: Sequence[ResultRow]) -> Section:
    """Resident memory of each pipeline over its epochs."""
    asked = rows[0]["asked"]
    results = [result for row in rows for result in row["results"]]
    said = [
        f"{result['pipeline']} peaks at {result['peak_mb']:,.0f} MB over the process's start"
        for result in results
    ]
    large = f", {asked['large']} of them large" if asked.get("large") else ""
    pictures = max(result["pictures"] for result in results)
    return Section(
        title="Memory from epoch to epoch",
        lead=f"{'; '.join(said)}.",
        about=[f"{pictures:,} pictures{large}, batch {asked['batch_size']}"],
        charts=_charts([result for result in results if result["epochs"]]),
        notes=[
            "over the process's start: when torch and fasttricks are imported and no loader is "
            "made yet; workers count as well"
        ],
    )


def _charts(results: Sequence[ResultRow]) -> list[Chart]:
    if not results:
        return []
    lines = [
        Line(
            label=result["pipeline"],
            hue=hue_of(result["pipeline"]),
            spots=[Spot(x=n, y=now["rss_mb"]) for n, now in enumerate(result["epochs"], 1)],
            text=f"{result['epochs'][-1]['rss_mb']:,.0f} MB",
        )
        for result in results
    ]
    cells = [
        [result["pipeline"], str(epoch), f"{now['rss_mb']:,.1f}", f"{now['anonymous_mb']:,.1f}"]
        for result in results
        for epoch, now in enumerate(result["epochs"], 1)
    ]
    chart = Lines(
        name="epochs",
        title="Memory over the epochs",
        caption="Resident memory after each epoch, MB over the process's start.",
        lines=lines,
        x_title="epoch",
        y_title="MB",
        table=Table(header=("pipeline", "epoch", "RSS, MB", "of it no file's"), lines=cells),
    )
    return [chart]
