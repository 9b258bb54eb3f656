"""Charts as PNG, drawn by matplotlib from the same description as the page's."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasttricks.bench.figure import new_figure, open_frame, save
from fasttricks.errors import DataError, MissingExtraError
from fasttricks.files import check_writable
from fasttricks.report.chart import Bars, Chart, Dots, Lines, Section, Stacks
from fasttricks.report.colour import HUES, shades
from fasttricks.report.scale import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, ROW, FRAME = 9.0, 0.3, 1.3
"""Inches: of a plot, of a row in it, of what is above and below the rows."""
LINES_HEIGHT = 4.5


def check(folder: Path) -> None:
    """Fail before the page is made if the plots cannot be; the folder is made.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the folder cannot be made or written to.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "plot")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--png {folder}: cannot make the folder: {error.strerror}") from error
    check_writable(folder / "plot.png")


def draw(sections: Sequence[Section], folder: Path) -> list[Path]:
    """One file for each chart, named by its run's number and what it shows.

    Raises:
        DataError: one cannot be written.
    """
    paths = []
    for place, section in enumerate(sections, 1):
        for chart in section.charts:
            paths.append(folder / f"{place:02}-{chart.name}.png")
            _draw(chart, section.title, paths[-1])
    return paths


def _draw(chart: Chart, over: str, path: Path) -> None:
    paint: Callable[[Axes], None]
    if isinstance(chart, Bars):
        rows = len(chart.bars) + len({bar.group for bar in chart.bars} - {""})
        height, paint = FRAME + ROW * rows, lambda axes: _bars(axes, chart)
    elif isinstance(chart, Stacks):
        height, paint = FRAME + ROW * (len(chart.stacks) + 1), lambda axes: _stacks(axes, chart)
    else:
        assert isinstance(chart, Lines)
        height, paint = LINES_HEIGHT, lambda axes: _lines(axes, chart)
    figure = new_figure(WIDTH, height)
    axes = figure.subplots()
    open_frame(axes)
    axes.set_title(f"{over}\n{chart.title}", fontsize=9, loc="left", parse_math=False)
    paint(axes)
    save(figure, path)


def _hue(name: str) -> str:
    return HUES[name][0]


def _bars(axes: Axes, chart: Bars) -> None:
    """Bars or dots from top to bottom, a row of its own for each group's name."""
    places, labels, place, group = [], [], 0, ""
    for bar in chart.bars:
        if bar.group and bar.group != group:
            places.append(place)
            labels.append(bar.group)
            place, group = place + 1, bar.group
        places.append(place)
        labels.append(bar.label)
        colour, alpha = _hue(bar.hue), 0.5 if bar.faint else 1.0
        if isinstance(chart, Dots):
            axes.plot(bar.value, place, "o", color=colour, alpha=alpha)
        else:
            axes.barh(place, bar.value, 0.62, color=colour, alpha=alpha)
        end = bar.value
        if bar.low is not None and bar.high is not None:
            axes.plot([bar.low, bar.high], [place] * 2, "|-", color="black", linewidth=1)
            end = max(end, bar.high)
        _beside(axes, bar.text, end, place)
        place += 1
    if isinstance(chart, Dots):
        axes.set_xscale("log")
        axes.grid(axis="x", which="both", linewidth=0.3)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
        axes.tick_params(axis="x", which="both", labelsize=7)
    if chart.mark is not None:
        axes.axvline(chart.mark, color="black", linestyle=":", linewidth=1, label=chart.mark_text)
        axes.legend(fontsize=8, loc="lower right", frameon=False)
    _rows(axes, places, labels)


def _beside(axes: Axes, text: str, end: float, place: float) -> None:
    offset: dict[str, Any] = {"xytext": (6, 0), "textcoords": "offset points", "parse_math": False}
    axes.annotate(text, (end, place), va="center", fontsize=8, **offset)


def _rows(axes: Axes, places: Sequence[int], labels: Sequence[str]) -> None:
    axes.set_yticks(list(places), list(labels), fontsize=8, parse_math=False)
    axes.invert_yaxis()
    axes.margins(x=0.18)
    if axes.get_xscale() == "linear":
        axes.set_xlim(left=0)


def _stacks(axes: Axes, chart: Stacks) -> None:
    """Parts end to end in shades of the row's hue."""
    from matplotlib.patches import Patch

    strength = shades(chart.names)
    for place, stack in enumerate(chart.stacks):
        begin = 0.0
        for part in stack.segments:
            colour = (_hue(stack.hue), strength[part.name])
            edge = _hue(stack.hue)
            axes.barh(place, part.value, 0.7, left=begin, color=colour, edgecolor=edge)
            begin += part.value
        _beside(axes, f"{number(begin)} {chart.unit}", begin, place)
    keys = [Patch(facecolor=("black", strength[n]), label=n) for n in chart.names]
    axes.legend(handles=keys, fontsize=8, ncols=len(keys), loc="upper right", frameon=False)
    _rows(axes, range(len(chart.stacks)), [stack.label for stack in chart.stacks])
    axes.set_ylim(top=-1.5)


def _lines(axes: Axes, chart: Lines) -> None:
    """Lines with their spread, dashed what the first point promises."""
    for line in chart.lines:
        xs, ys = [spot.x for spot in line.spots], [spot.y for spot in line.spots]
        label = f"{line.label} {line.text}".strip()
        axes.plot(xs, ys, marker="o", markersize=4, color=_hue(line.hue), label=label)
        for spot in line.spots:
            if spot.low is not None and spot.high is not None:
                axes.plot([spot.x] * 2, [spot.low, spot.high], color=_hue(line.hue))
        if chart.proportional:
            ideal = [ys[0] * x / xs[0] for x in xs]
            axes.plot(xs, ideal, color=_hue(line.hue), linestyle="--", linewidth=0.7)
    axes.set_xlabel(chart.x_title)
    axes.set_ylabel(chart.y_title)
    if chart.log:
        counts = sorted({spot.x for line in chart.lines for spot in line.spots})
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_xticks(counts, [number(count) for count in counts])
        axes.yaxis.set_major_formatter("{x:,.0f}")
    else:
        axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
