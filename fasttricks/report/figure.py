"""Charts as figures of matplotlib, which is imported when one is made: for page and files."""

from __future__ import annotations

import importlib.util
import io
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from fasttricks.errors import MissingExtraError
from fasttricks.files import replacing
from fasttricks.report.chart import Chart
from fasttricks.report.html import Markup
from fasttricks.report.paint import height, paint, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, TEXT_LINE = 9.0, 0.17
"""Inches: of a figure, and of a line of text in it from top to bottom."""
LONGEST_LINE = 115
"""Characters of a line of text, which is broken there."""
STYLE = {
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],
    "text.parse_math": False,  # a dollar in a file's name is a dollar
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": 8,
    "grid.color": "#e3e4e7",
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "none",  # text can be searched, and is smaller than its outlines
}
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
"""The same results make the same page on another day."""


def installed() -> bool:
    """Whether there is a matplotlib."""
    return importlib.util.find_spec("matplotlib") is not None


def require() -> None:
    """Fail before minutes of work rather than after.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if not installed():
        raise MissingExtraError("matplotlib", "plot")


def inline(chart: Chart, name: str) -> Markup:
    """The chart as an `<svg>` element; its numbers are in the table that stands below it.

    Args:
        chart: what to draw.
        name: one that no other chart of the page has.
    """
    text = io.StringIO()
    with _style(name):
        make([chart]).savefig(text, format="svg", metadata=NO_METADATA)
    root = ElementTree.fromstring(text.getvalue())
    for node in root.iter():
        node.tag = _local(node.tag)
        # Groups are numbered alike in every figure, and nothing refers to them; other ids are
        # hashes of what they name and of the chart's name.
        kept = [(key, value) for key, value in node.items() if (node.tag, key) != ("g", "id")]
        node.attrib = {_local(key): value for key, value in kept}
        node.text, node.tail = node.text if node.tag == "text" else None, None
    for defs in root.findall("defs"):
        for rules in defs.findall("style"):  # they would hold for the whole page
            defs.remove(rules)
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": f"{chart.title}. The table below has the numbers.",
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def write(charts: Sequence[Chart], heading: str, path: Path) -> None:
    """Draw charts one below the other, in the format that the file's ending names; the file appears
    complete or not at all.

    Raises:
        DataError: it cannot be written.
    """
    with _style(path.stem), replacing(path) as part:
        make(charts, heading).savefig(part)


def make(charts: Sequence[Chart], heading: str = "") -> Figure:
    """Charts one below the other; under a heading each has its title and caption, too."""
    # Not pyplot: it looks for a display and keeps figures alive.
    from matplotlib.figure import Figure

    titles = [_wrapped(chart.title, chart.caption) if heading else [] for chart in charts]
    heights = [
        height(chart) + TEXT_LINE * len(title) for chart, title in zip(charts, titles, strict=True)
    ]
    over = _wrapped(heading)
    figure = Figure(figsize=(WIDTH, sum(heights) + TEXT_LINE * len(over)))
    every = figure.subplots(len(charts), height_ratios=heights, squeeze=False)[:, 0]
    for axes, chart, title in zip(every, charts, titles, strict=True):
        paint(axes, chart)
        axes.set_title("\n".join(title), loc="left", pad=18)
    if over:
        figure.suptitle("\n".join(over), x=0.01, ha="left", fontsize=9, weight="bold")
    return figure


def _wrapped(*paragraphs: str) -> list[str]:
    return [printable(line) for text in paragraphs for line in textwrap.wrap(text, LONGEST_LINE)]


def _local(name: str) -> str:
    """A name without its namespace, as HTML has it."""
    return name.rpartition("}")[2]


def _style(salt: str) -> AbstractContextManager[None]:
    """matplotlib's own settings with ours, whatever the user's are."""
    import matplotlib.style

    return matplotlib.style.context({**STYLE, "svg.hashsalt": salt}, after_reset=True)
