"""`fasttricks report`."""

from __future__ import annotations

from dataclasses import dataclass

from fasttricks.report.config import ReportConfig


@dataclass(frozen=True)
class Report(ReportConfig):
    __doc__ = ReportConfig.__doc__

    def run(self) -> int:
        """Read, write, and say what was written."""
        from fasttricks.report.run import run

        return run(self)
