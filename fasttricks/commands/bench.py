"""`fasttricks bench`."""

from __future__ import annotations

from dataclasses import dataclass

from fasttricks.bench.config import BenchConfig


@dataclass(frozen=True)
class Bench(BenchConfig):
    """Measure input pipelines on the same files, interleaved, each in a process of its own."""

    def run(self) -> int:
        """Measure, print the table; 2 if a row failed."""
        from fasttricks.bench.run import run

        return run(self)
