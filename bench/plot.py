"""Results as a picture: bars with their spread, and curves over threads where there are several."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasttricks.bench.figure import new_figure, open_frame, save
from fasttricks.bench.report import ResultRow
from fasttricks.bench.scaling import Point, curves
from fasttricks.bench.table import name_of, settings_of
from fasttricks.errors import DataError, MissingExtraError
from fasttricks.files import check_writable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ENDINGS = (".png", ".pdf", ".svg")
BAR_INCHES, WIDTH_INCHES = 0.32, 9.0


def check(path: Path) -> None:
    """Fail before anything is measured if the plot cannot be made.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the file's name has another ending, or it cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"--plot: {path} must end in one of {', '.join(ENDINGS)}")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "plot")
    check_writable(path)


def draw(rows: Sequence[ResultRow], path: Path) -> None:
    """Draw the rows of one run; the file appears complete or not at all.

    Raises:
        DataError: it cannot be written.
    """
    lines = curves(rows)
    height = 1.6 + BAR_INCHES * len(rows)
    figure = new_figure(WIDTH_INCHES, height + 4 * bool(lines))
    if lines:
        bars, threads = figure.subplots(2, height_ratios=[height, 4])
        _curves(threads, lines)
    else:
        bars = figure.subplots()
    _bars(bars, rows)
    save(figure, path)


def _bars(axes: Axes, rows: Sequence[ResultRow]) -> None:
    """A bar for each row, from p20 to p80 a whisker, behind it images/s and the ratio."""
    several = len({row["threads"] for row in rows}) > 1
    labels = [name_of(row) + (f" x{row['threads']}" if several else "") for row in rows]
    middles = [row["images_per_s"] for row in rows]
    spread = [
        [row["images_per_s"] - row["p20"] for row in rows],
        [row["p80"] - row["images_per_s"] for row in rows],
    ]
    places = range(len(rows))
    colours = ["tab:gray" if row["pixels"] else "tab:blue" for row in rows]
    axes.barh(places, middles, xerr=spread, color=colours, ecolor="black", capsize=2)
    for place, row in zip(places, rows, strict=True):
        text = f"{row['images_per_s']:,.0f}  ({row['ratio']:.2f})"
        end = max(row["p80"], row["images_per_s"])
        space: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points"}
        axes.annotate(text, (end, place), va="center", fontsize=8, **space)
    axes.set_yticks(list(places), labels)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_xlim(left=0)
    base = f"{rows[0]['row']} x{rows[0]['threads']}"
    axes.set_xlabel(f"images/s, median with p20 and p80 (ratio to {base}; *: other pixels)")
    axes.set_title(settings_of(rows[0]), fontsize=8)
    open_frame(axes)


def _curves(axes: Axes, lines: Mapping[str, Sequence[Point]]) -> None:
    """Images/s over threads with the spread as a band, dashed what the first count promises."""
    for name, points in lines.items():
        points = sorted(points)
        threads = [point.threads for point in points]
        (line,) = axes.plot(threads, [point.rate for point in points], marker="o", label=name)
        colour = line.get_color()
        low, high = [p.p20 for p in points], [p.p80 for p in points]
        axes.fill_between(threads, low, high, color=colour, alpha=0.2)
        ideal = [points[0].rate * count / threads[0] for count in threads]
        axes.plot(threads, ideal, color=colour, linestyle="--", linewidth=0.7)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    counts = sorted({point.threads for points in lines.values() for point in points})
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("threads (dashed: in proportion to the first count)")
    axes.set_ylabel("images/s")
    axes.legend(fontsize=8)
