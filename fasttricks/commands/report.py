"""`fasttricks report`."""

from __future__ import annotations

from dataclasses import dataclass

from fasttricks.report.config import ReportConfig


@dataclass(frozen=True)
class Report(ReportConfig):
    """Show results of the bench as one HTML page, which needs no network, and as PNG plots."""

    def run(self) -> int:
        """Read, write, and say what was written."""
        from fasttricks.report.run import run

        return run(self)
