"""Results as a picture, drawn as the report's page has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fasttricks.bench.report import ResultRow
from fasttricks.bench.table import settings_of
from fasttricks.errors import DataError
from fasttricks.files import check_writable
from fasttricks.report import figure, pipelines

ENDINGS = (".png", ".pdf", ".svg")
CHARTS = ("throughput", "threads", "ratio")
"""Of those that the page has, as far as there are numbers for them."""


def check(path: Path) -> None:
    """Fail before anything is measured if the plot cannot be made.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the file's name has another ending, or it cannot be written.
    """
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"--plot: {path} must end in one of {', '.join(ENDINGS)}")
    figure.require()
    check_writable(path)


def draw(rows: Sequence[ResultRow], path: Path) -> None:
    """Draw the rows of one run; the file appears complete or not at all.

    Raises:
        DataError: it cannot be written.
    """
    charts = [chart for chart in pipelines.section(rows).charts if chart.name in CHARTS]
    figure.write(charts, settings_of(rows[0]), path)
