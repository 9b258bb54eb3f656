"""Lines over x as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from fasttricks.report import svg
from fasttricks.report.chart import Line, Lines
from fasttricks.report.html import Markup, element, percent
from fasttricks.report.scale import Scale, around, from_zero, number

TOP, HEIGHT, AXIS = 26, 250, 42
"""Pixels above for the axis' title, of the drawing, below for ticks and title."""
APART = 17
"""Pixels between the labels of two lines, at least."""
SPOTS = 24
"""Points up to which each is marked by a dot."""


class Plane:
    """Two axes: x as a share of the width, y in pixels."""

    def __init__(self, chart: Lines) -> None:
        spots = [spot for line in chart.lines for spot in line.spots]
        xs = [spot.x for spot in spots]
        ys = [v for spot in spots for v in (spot.y, spot.low, spot.high) if v is not None]
        if chart.proportional:
            ys += [y for line in chart.lines for _, y in proportion(line)]
        self.x = around(xs) if chart.log else Scale(min(xs), max(max(xs), min(xs) + 1))
        self.y = around(ys) if chart.log else from_zero(ys)

    def left(self, x: float) -> str:
        """Where x lies from left to right."""
        return percent(self.x.share(x))

    def top(self, y: float) -> float:
        """Where y lies from top to bottom."""
        return TOP + HEIGHT * (1 - self.y.share(y))


def proportion(line: Line) -> list[tuple[float, float]]:
    """From the first point on, what y would be in proportion to x."""
    first = line.spots[0]
    return [(spot.x, first.y * spot.x / first.x) for spot in line.spots]


def draw_lines(chart: Lines) -> Markup:
    """Each line with its spread, its name and last value at its end."""
    plane = Plane(chart)
    names = [f"{line.label} {line.text}".strip() for line in chart.lines]
    ends = spaced([plane.top(line.spots[-1].y) for line in chart.lines], APART)
    lines = [
        _line(line, plane, name, end, chart.proportional)
        for line, name, end in zip(chart.lines, names, ends, strict=True)
    ]
    bottom = TOP + HEIGHT
    return svg.canvas(
        chart,
        bottom + AXIS,
        *_axes(chart, plane),
        svg.text(chart.y_title, x="0", y=12, class_="quiet"),
        svg.text(chart.x_title, x="50%", y=bottom + 36, class_="middle quiet"),
        *lines,
        left=7,
        right=max(map(len, names)) + 3,
    )


def _axes(chart: Lines, plane: Plane) -> Iterator[Markup]:
    """Ticks: on a logarithmic x only where something was measured, as at thread counts."""
    bottom = TOP + HEIGHT
    xs = sorted({spot.x for line in chart.lines for spot in line.spots})
    for tick in xs if chart.log else plane.x.ticks():
        place = plane.left(tick)
        yield svg.across(plane.x.share(tick), bottom, bottom + 4, "axis")
        yield svg.text(number(tick), x=place, y=bottom + 18, class_="middle quiet")
    for tick in plane.y.ticks():
        y = plane.top(tick)
        yield element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid")
        yield svg.text(number(tick), x="0", y=y + 4.5, dx=-8, class_="end quiet")


def _line(line: Line, plane: Plane, name: str, label_y: float, ideal: bool) -> Markup:
    points = [(spot.x, spot.y) for spot in line.spots]
    parts = list(_path(plane, points, "stroke"))
    if ideal:
        parts += _path(plane, proportion(line), "stroke dashed")
    for spot in line.spots:
        left = plane.left(spot.x)
        if spot.low is not None and spot.high is not None:
            low, high = plane.top(spot.low), plane.top(spot.high)
            parts.append(element("line", x1=left, x2=left, y1=low, y2=high, class_="thin"))
        if len(line.spots) <= SPOTS:
            words = element("title", f"{line.label}, {number(spot.x)}: {number(spot.y)}")
            parts.append(
                element("circle", words, cx=left, cy=plane.top(spot.y), r=4, class_="fill")
            )
    end = percent(plane.x.share(line.spots[-1].x))
    bullet = element("tspan", "● ", class_="fill")
    label = element("text", bullet, name, x=end, y=label_y + 4.5, dx=10)
    return element("g", *parts, label, class_=f"hue-{line.hue}")


def _path(plane: Plane, points: Sequence[tuple[float, float]], class_: str) -> Iterator[Markup]:
    """Piece by piece: a path's points cannot be shares of a width."""
    for (x1, y1), (x2, y2) in pairwise(points):
        yield element(
            "line",
            x1=plane.left(x1),
            x2=plane.left(x2),
            y1=plane.top(y1),
            y2=plane.top(y2),
            class_=class_,
        )


def spaced(places: Sequence[float], apart: float) -> list[float]:
    """The same places, moved down as little as keeps each so far below the one above it."""
    moved = dict[int, float]()
    last = float("-inf")
    for number_, place in sorted(enumerate(places), key=lambda pair: pair[1]):
        last = moved[number_] = max(place, last + apart)
    return [moved[number_] for number_ in range(len(places))]
