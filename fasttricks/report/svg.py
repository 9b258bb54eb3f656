"""Charts as inline SVG.

Places from left to right are shares of the width and sizes from top to bottom are pixels, so a
chart fills any window while its text keeps its size. Labels stand in the margins, left and right of
the drawing (its overflow is visible); the style sheet gives these their width.
"""

from __future__ import annotations

from collections.abc import Iterator

from fasttricks.report.chart import Bars, Chart, Lines, Stacks
from fasttricks.report.html import Markup, element, join, percent
from fasttricks.report.scale import Scale, number

EM_PER_CHARACTER = 0.6
"""Width of a usual character of a sans-serif font."""
LONGEST_LABEL = 30


def draw(chart: Chart) -> Markup:
    """The chart as an `<svg>` element; its numbers are in the table that stands below it."""
    from fasttricks.report.svg_bars import draw_bars, draw_stacks
    from fasttricks.report.svg_lines import draw_lines

    if isinstance(chart, Bars):
        return draw_bars(chart)
    if isinstance(chart, Stacks):
        return draw_stacks(chart)
    assert isinstance(chart, Lines)
    return draw_lines(chart)


def canvas(chart: Chart, height: float, *parts: str, left: float, right: float) -> Markup:
    """The `<svg>` itself, with margins of this many characters."""
    margins = (
        f"--{side}:{EM_PER_CHARACTER * characters + 1:.1f}em"
        for side, characters in (("left", left), ("right", right))
    )
    return element(
        "svg",
        element("title", chart.title),
        *parts,
        role="img",
        aria_label=f"{chart.title}. The table below has the numbers.",
        style=";".join(margins),
        height=height,
    )


def text(words: str, *, x: str, y: float, class_: str | None = None, dx: float = 0) -> Markup:
    """Words whose baseline is at y."""
    return element("text", words, x=x, y=y, class_=class_, dx=dx or None)


def row_label(words: str, y: float) -> Markup:
    """Words in the left margin; too long ones are cut, the whole is shown by pointing at them."""
    if len(words) <= LONGEST_LABEL:
        return text(words, x="0", y=y, dx=-8, class_="end")
    return join(
        element(
            "text",
            words[: LONGEST_LABEL - 1] + "…",
            element("title", words),
            x="0",
            y=y,
            dx=-8,
            class_="end",
        )
    )


def label_width(labels: list[str]) -> int:
    """Characters of the longest label, as far as it is shown."""
    return min(LONGEST_LABEL, max(map(len, labels), default=0))


def across(share: float, top: float, bottom: float, class_: str) -> Markup:
    """A line from top to bottom."""
    place = percent(share)
    return element("line", x1=place, x2=place, y1=top, y2=bottom, class_=class_)


def x_axis(scale: Scale, top: float, bottom: float, suffix: str = "") -> Iterator[Markup]:
    """Thin lines at the ticks, their values below."""
    for tick in scale.ticks():
        share = scale.share(tick)
        yield across(share, top, bottom, "grid")
        yield text(number(tick) + suffix, x=percent(share), y=bottom + 16, class_="middle quiet")


def spread(scale: Scale, low: float, high: float, y: float) -> Markup:
    """A whisker from low to high; a ring of the ground's colour keeps it apart from what it
    crosses."""
    x1, x2 = percent(scale.share(low)), percent(scale.share(high))
    ends = {"x1": x1, "x2": x2, "y1": y, "y2": y}
    return join(
        element("line", class_="ring", **ends),
        element("line", class_="whisker", **ends),
        *(element("line", x1=x, x2=x, y1=y - 3, y2=y + 3, class_="whisker") for x in (x1, x2)),
    )
