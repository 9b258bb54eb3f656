"""A ladder as a picture: accuracy rung by rung with every seed, and deltas beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasttricks.bench.figure import new_figure, open_frame, save
from fasttricks.bench.report import ResultRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RUNG_INCHES, WIDTH_INCHES = 0.42, 10.0


def draw(rows: Sequence[ResultRow], path: Path) -> None:
    """Draw the rungs that were run; the file appears complete or not at all.

    Raises:
        DataError: it cannot be written.
    """
    shown = [row for row in rows if row["mean"] is not None]
    height = 1.6 + RUNG_INCHES * len(shown)
    figure = new_figure(WIDTH_INCHES, height)
    left, right = figure.subplots(1, 2, sharey=True)
    _accuracies(left, shown)
    _deltas(right, shown)
    left.set_yticks(range(len(shown)), [row["what"] for row in shown])
    left.invert_yaxis()
    first = rows[0]
    figure.suptitle(
        f"{first['ladder']}: {first['model']}, {first['data']}, {first['size']} px, "
        f"{first['epochs']} epochs",
        fontsize=9,
    )
    save(figure, path)


def _accuracies(axes: Axes, rows: Sequence[ResultRow]) -> None:
    """Each seed a dot, their mean a bar's end, from least to most a line."""
    places = list(range(len(rows)))
    for place, row in enumerate(rows):
        values = list(row["top1"].values())
        axes.plot([row["min"], row["max"]], [place, place], color="tab:blue", linewidth=1)
        axes.plot(values, [place] * len(values), "o", color="tab:blue", markersize=4, alpha=0.6)
    axes.plot([row["mean"] for row in rows], places, "|", color="black", markersize=14)
    axes.set_xlabel("top-1, %: seeds, mean, min to max")
    axes.grid(axis="x", alpha=0.3)
    open_frame(axes)


def _deltas(axes: Axes, rows: Sequence[ResultRow]) -> None:
    """What each rung brought here, with the spread, and what it brought the paper."""
    compared = [(place, row) for place, row in enumerate(rows) if row["delta"] is not None]
    places = [place for place, _ in compared]
    here = [row["delta"] for _, row in compared]
    spread = [row["spread"] or 0.0 for _, row in compared]
    paper = [row["paper_delta"] for _, row in compared]
    bars: dict[str, Any] = {"height": 0.36, "ecolor": "black", "capsize": 2}
    axes.barh([p - 0.2 for p in places], here, xerr=spread, color="tab:blue", label="here", **bars)
    axes.barh([p + 0.2 for p in places], paper, color="tab:gray", label="paper", **bars)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("points over the rung below (whisker: spread over seeds)")
    axes.legend(fontsize=8)
    open_frame(axes)
