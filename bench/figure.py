"""Figures of matplotlib, as all plots here are made and saved; it is imported when one is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fasttricks.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, which arranges by itself what is put into it."""
    # Not pyplot: it looks for a display and keeps figures alive.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def open_frame(axes: Axes) -> None:
    """Take the lines above and to the right away."""
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    """Write it in the format that the ending names; the file appears complete or not at all.

    Raises:
        DataError: it cannot be written.
    """
    with replacing(path) as part:
        figure.savefig(part, dpi=DPI)
