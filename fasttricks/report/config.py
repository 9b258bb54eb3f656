"""The settings of `fasttricks report`; the command line is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class ReportConfig:
    """Show results of the bench as one HTML page, which needs no network, and as PNG plots; charts
    need matplotlib, and without it the page has tables only."""

    results: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")]
    """Files that `fasttricks bench --json` wrote, and `python -m fasttricks.bench.memory`."""
    out: Path = Path("report.html")
    """The page."""
    png: Path | None = None
    """Also draw each chart as a PNG into this folder, which is made if need be; needs
    matplotlib."""
