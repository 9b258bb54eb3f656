"""Bars, dots and stacks as SVG."""

from __future__ import annotations

from collections.abc import Iterator

from fasttricks.report import svg
from fasttricks.report.chart import Bar, Bars, Dots, Stack, Stacks
from fasttricks.report.colour import shades
from fasttricks.report.html import Markup, element, percent
from fasttricks.report.scale import Scale, around, from_zero, number

ROW, BAR, HEADING, MARK_ROW, AXIS = 26, 16, 30, 18, 24
"""Pixels from row to row, of a bar, of a heading, above for the mark's text, below for ticks."""
TEXT_DROP = 4.5
"""From a line's middle to the baseline of its text, pixels."""
TEXT_SHARE = 0.014
"""Of the width that a character takes in a usual window: what does not fit stays unwritten."""


def draw_bars(chart: Bars) -> Markup:
    """Bars from zero, or `Dots` on a logarithmic axis; a whisker each, the value behind it."""
    dots = isinstance(chart, Dots)
    values = [v for bar in chart.bars for v in (bar.value, bar.low, bar.high) if v is not None]
    if chart.mark is not None:
        values.append(chart.mark)
    scale = around(values) if dots else from_zero(values)
    top = MARK_ROW if chart.mark is not None else 4
    rows: list[Markup] = []
    y, group = float(top), ""
    for bar in chart.bars:
        if bar.group and bar.group != group:
            rows.append(svg.text(bar.group, x="0", y=y + HEADING - 9, class_="heading"))
            y, group = y + HEADING, bar.group
        rows.append(_row(bar, scale, y + ROW / 2, dots))
        y += ROW
    ground = list(svg.x_axis(scale, top, y)) if dots else [svg.across(0, top, y, "axis")]
    if chart.mark is not None:
        share = scale.share(chart.mark)
        ground.append(svg.across(share, top, y, "mark"))
        place = percent(share)
        ground.append(svg.text(chart.mark_text, x=place, y=top - 6, class_=_anchor(share)))
    return svg.canvas(
        chart,
        y + (AXIS if dots else 4),
        *ground,
        *rows,
        left=svg.label_width([bar.label for bar in chart.bars]),
        right=max((len(bar.text) for bar in chart.bars), default=0),
    )


def _anchor(share: float) -> str:
    """Text at the sides of the drawing goes inwards."""
    side = "end" if share > 0.8 else "middle" if share > 0.2 else ""
    return f"{side} quiet".strip()


def _row(bar: Bar, scale: Scale, y: float, dots: bool) -> Markup:
    end = percent(scale.share(bar.value))
    shape = (
        element("circle", cx=end, cy=y, r=5, class_="fill")
        if dots
        else element("rect", x=0, y=y - BAR / 2, width=end, height=BAR, rx=2, class_="fill")
    )
    whisker = None
    last = bar.value
    if bar.low is not None and bar.high is not None:
        whisker = svg.spread(scale, bar.low, bar.high, y)
        last = max(bar.value, bar.high)
    guide = element("line", x1=0, x2=end, y1=y, y2=y, class_="grid") if dots else None
    return element(
        "g",
        element("title", f"{bar.label}: {bar.text}"),
        svg.row_label(bar.label, y + TEXT_DROP),
        guide,
        *((whisker, shape) if dots else (shape, whisker)),
        svg.text(bar.text, x=percent(scale.share(last)), y=y + TEXT_DROP, dx=10),
        class_=f"hue-{bar.hue}" + (" faint" if bar.faint else ""),
    )


def draw_stacks(chart: Stacks) -> Markup:
    """Parts end to end in shades of the row's hue, named where there is room, the sum behind."""
    scale = from_zero(stack.total for stack in chart.stacks)
    strength = shades(chart.names)
    rows = []
    for place, stack in enumerate(chart.stacks):
        y = 4 + ROW * (place + 0.5)
        total = f"{number(stack.total)} {chart.unit}"
        rows.append(
            element(
                "g",
                svg.row_label(stack.label, y + TEXT_DROP),
                *_segments(stack, scale, y, strength, chart.unit),
                svg.text(total, x=percent(scale.share(stack.total)), y=y + TEXT_DROP, dx=8),
                class_=f"hue-{stack.hue}",
            )
        )
    height = 4 + ROW * len(chart.stacks) + 4
    drawing = svg.canvas(
        chart,
        height,
        svg.across(0, 4, height - 4, "axis"),
        *rows,
        left=svg.label_width([stack.label for stack in chart.stacks]),
        right=7 + len(chart.unit),
    )
    return Markup(_legend(chart.names, strength) + drawing)


def _segments(
    stack: Stack, scale: Scale, y: float, strength: dict[str, float], unit: str
) -> Iterator[Markup]:
    begin = 0.0
    for segment in stack.segments:
        width = scale.share(segment.value)
        place = {"x": percent(begin), "y": y - BAR / 2 - 1, "height": BAR + 2}
        words = f"{segment.name} {number(segment.value)}"
        yield element(
            "rect",
            element("title", f"{stack.label}, {words} {unit}"),
            width=percent(width),
            class_="part",
            style=f"fill-opacity:{strength[segment.name]}",
            **place,
        )
        fitting = words if width > TEXT_SHARE * len(words) else segment.name
        if width > TEXT_SHARE * len(fitting):
            middle = percent(begin + width / 2)
            yield svg.text(fitting, x=middle, y=y + TEXT_DROP, class_="middle roomy")
        begin += width


def _legend(names: list[str], strength: dict[str, float]) -> Markup:
    """The parts in their order. Not for screen readers: the table's head says the same."""
    swatches = (
        element(
            "span",
            element("i", style=f"opacity:{strength[name]}"),
            name,
        )
        for name in names
    )
    return element("p", *swatches, class_="legend", aria_hidden="true")
