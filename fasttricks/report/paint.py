"""What each kind of chart looks like, painted into axes of matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fasttricks.report.chart import Bar, Bars, Chart, Dots, Line, Lines, Stacks, number
from fasttricks.report.colour import HUES, shades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

ROW, FRAME, LINES_HEIGHT = 0.25, 0.6, 4.0
"""Inches from row to row, above and below all rows, of lines."""
FAINT = "80"
"""Behind a hue: half of it."""
LONGEST_LABEL = 30
"""Characters up to which a label is shown; the table has the whole."""
CHARACTER = 0.0125
"""Of an axis that a character takes: what does not fit into a part of a bar stays unwritten."""
LABELS_APART = 0.055
"""Of an axis that the labels of two lines are apart, at least."""
SPOTS = 24
"""Points up to which each is marked by a dot."""
CLEAR: Mapping[str, Any] = {
    "verticalalignment": "center",
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.7},
}
"""For text that lines may cross."""
POINTS: Mapping[str, Any] = {"textcoords": "offset points"}


def height(chart: Chart) -> float:
    """Inches that a chart takes."""
    if isinstance(chart, Bars):
        places, headings = rows_of(chart.bars)
        return FRAME + ROW * (len(places) + len(headings))
    return FRAME + ROW * (1 + len(chart.stacks)) if isinstance(chart, Stacks) else LINES_HEIGHT


def paint(axes: Axes, chart: Chart) -> None:
    """Draw a chart of any kind."""
    if isinstance(chart, Bars):
        _bars(axes, chart)
    elif isinstance(chart, Stacks):
        _stacks(axes, chart)
    else:
        assert isinstance(chart, Lines)
        _lines(axes, chart)


def printable(text: str) -> str:
    """Without what no SVG can hold: files say what they like."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def rows_of(bars: Sequence[Bar]) -> tuple[list[int], dict[int, str]]:
    """The row of each bar from the top, and the rows that are headings of groups."""
    places: list[int] = []
    headings: dict[int, str] = {}
    group = ""
    for bar in bars:
        if bar.group and bar.group != group:
            headings[len(places) + len(headings)] = group = bar.group
        places.append(len(places) + len(headings))
    return places, headings


def spaced(places: Sequence[float], apart: float) -> list[float]:
    """The same places, moved down as little as keeps each so far below the one above it."""
    moved = dict[int, float]()
    last = float("inf")
    for which, place in sorted(enumerate(places), key=lambda pair: -pair[1]):
        last = moved[which] = min(place, last - apart)
    return [moved[which] for which in range(len(places))]


def _bars(axes: Axes, chart: Bars) -> None:
    """Bars or dots from top to bottom, each with its spread and, behind it, its value in words."""
    places, headings = rows_of(chart.bars)
    values = [bar.value for bar in chart.bars]
    colours = [HUES[bar.hue] + FAINT * bar.faint for bar in chart.bars]
    if isinstance(chart, Dots):
        axes.scatter(values, places, color=colours, zorder=3)
        axes.grid(axis="x")
    else:
        axes.barh(places, values, 0.62, color=colours)
    for bar, place in zip(chart.bars, places, strict=True):
        _spread(axes, bar, place)
        end = max(bar.value, bar.high or bar.value, *bar.each)
        _beside(axes, bar.text, end if isinstance(chart, Dots) else max(0.0, end), place)
    if chart.mark is not None:
        axes.axvline(chart.mark, color="black", linestyle=":", linewidth=1, zorder=0.9)
        top, over = ("data", "axes fraction"), {"xytext": (0, 3), **POINTS}
        axes.annotate(_label(chart.mark_text), (chart.mark, 1), xycoords=top, ha="center", **over)
    for place, words in headings.items():
        _heading(axes, words, place)
    _name_rows(axes, places, [bar.label for bar in chart.bars])
    if isinstance(chart, Dots) and chart.log:
        axes.set_xscale("log")
        _log_ticks(axes.xaxis)
    else:
        axes.xaxis.set_major_formatter(_tick)


def _spread(axes: Axes, bar: Bar, place: int) -> None:
    if bar.low is not None and bar.high is not None:
        ends = [bar.low, bar.high]
        axes.plot(ends, [place] * 2, color="white", linewidth=3.5, alpha=0.75)  # on a dark bar, too
        axes.plot(ends, [place] * 2, "|-", color="black", linewidth=1)
    if bar.each:
        axes.plot(bar.each, [place] * len(bar.each), "o", color="black", markersize=2.5)


def _beside(axes: Axes, words: str, end: float, place: float) -> None:
    axes.annotate(words, (end, place), xytext=(6, 0), **POINTS, **CLEAR)


def _heading(axes: Axes, words: str, place: int) -> None:
    """In a row of its own, from the axis on: it may be long."""
    inside = ("axes fraction", "data")
    axes.annotate(printable(words), (0.005, place), xycoords=inside, weight="bold", **CLEAR)


def _name_rows(axes: Axes, places: Sequence[int], labels: Sequence[str]) -> None:
    axes.set_yticks(places, [_label(words) for words in labels])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(places[-1] + 0.7, -0.7)


def _stacks(axes: Axes, chart: Stacks) -> None:
    """Parts end to end in shades of the row's hue, named where there is room, the sum behind."""
    from matplotlib.patches import Patch

    strength = shades(chart.names)
    room = CHARACTER * (max(stack.total for stack in chart.stacks) or 1.0)
    for place, stack in enumerate(chart.stacks):
        begin, hue = 0.0, HUES[stack.hue]
        for part in stack.segments:
            shade = (hue, strength[part.name])
            bar = axes.barh(place, part.value, 0.8, left=begin, color=shade, edgecolor=hue)
            words = (f"{part.name} {number(part.value)}", part.name)
            fitting = [_label(text) for text in words if room * len(text) < part.value]
            axes.bar_label(bar, [*fitting, ""][:1], label_type="center", fontsize=8)
            begin += part.value
        _beside(axes, f"{number(stack.total)} {chart.unit}", begin, place)
    keys = [Patch(facecolor=("black", strength[name]), label=_label(name)) for name in chart.names]
    above: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0}
    axes.legend(handles=keys, ncols=len(keys), **above)
    axes.xaxis.set_major_formatter(_tick)
    _name_rows(axes, range(len(chart.stacks)), [stack.label for stack in chart.stacks])


def _lines(axes: Axes, chart: Lines) -> None:
    """Lines with their spread, dashed what the first point promises."""
    from matplotlib.ticker import MaxNLocator

    for line in chart.lines:
        hue, spots = HUES[line.hue], line.spots
        xs, ys = [spot.x for spot in spots], [spot.y for spot in spots]
        axes.plot(xs, ys, "o-" if len(spots) <= SPOTS else "-", markersize=4, color=hue)
        for spot in spots:
            if spot.low is not None and spot.high is not None:
                axes.plot([spot.x] * 2, [spot.low, spot.high], color=hue)
        if chart.proportional:
            axes.plot(xs, [ys[0] * x / xs[0] for x in xs], "--", color=hue, linewidth=0.7)
    axes.set(xlabel=chart.x_title, ylabel=chart.y_title)
    axes.grid(axis="y")
    if chart.log:
        axes.set(xscale="log", yscale="log")
        _log_ticks(axes.yaxis)
        # Only where something was measured.
        counts = sorted({spot.x for line in chart.lines for spot in line.spots})
        axes.set_xticks(counts, [number(count) for count in counts])
        axes.set_xticks([], minor=True)
    else:
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.yaxis.set_major_formatter(_tick)
        axes.set_ylim(bottom=min(0.0, axes.dataLim.y0))
    _name_lines(axes, chart.lines)


def _name_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Beside the axes each line's name and last value, and a thin line from its end."""
    axes.autoscale_view()
    shares = (axes.transScale + axes.transLimits).transform
    ends = [tuple(shares((line.spots[-1].x, line.spots[-1].y))) for line in lines]
    tops = spaced([top for _, top in ends], LABELS_APART)
    for line, end, top in zip(lines, ends, tops, strict=True):
        axes.annotate(
            f"{_label(line.label)} {line.text}".strip(),
            end,
            (1.02, top),
            xycoords="axes fraction",
            arrowprops={"arrowstyle": "-", "color": HUES[line.hue]},
            **CLEAR,
        )


def _label(words: str) -> str:
    short = words if len(words) <= LONGEST_LABEL else words[: LONGEST_LABEL - 1] + "…"
    return printable(short)


def _tick(value: float, _place: float) -> str:
    return number(value)


def _log_ticks(axis: Axis) -> None:
    """Powers of ten; where these are few, others in between."""
    from matplotlib.ticker import LogLocator, NullLocator

    low, high = axis.get_view_interval()
    few = (1.0,) if high > 1000 * low else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=few if high > 10 * low else (1, 1.5, 2, 3, 5, 7)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(_tick)
