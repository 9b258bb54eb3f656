"""Rows that measure nothing real, and a measurement of them over the test's own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fasttricks.bench.config import BenchConfig
from fasttricks.bench.files import open_files
from fasttricks.bench.measure import Measurement
from fasttricks.bench.rows import Row

FAKE = str(Path(__file__).with_name("fake_row.py"))


class Notes:
    """Stands for the teller."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps = self.expected = 0

    def expect(self, steps: int) -> None:
        self.expected = steps

    def note(self, text: str) -> None:
        self.lines.append(text)

    def doing(self, text: str) -> None:
        assert text

    def step(self) -> None:
        self.steps += 1


def fake(name: str, threads: int = 1, **changes: Any) -> Row:
    return Row(**{"name": name, "threads": threads, "source": FAKE, **changes})


def bench(picture_folder: Path, **changes: Any) -> tuple[Measurement, Notes]:
    given = {"seconds": 0.05, "rounds": 3, "warmup": 0.0, "batch_size": 8, "size": 32}
    config = BenchConfig(**{**given, "data": picture_folder, **changes})
    notes = Notes()
    return Measurement(config, open_files(config), notes), notes  # type: ignore[arg-type]
