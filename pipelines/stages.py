"""Where a picture's time goes: seconds per stage, added up where the stages are carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

STAGES = ("read", "slice", "decode", "resize", "finish", "copy")


class StageClock:
    """Adds up the time spent in named stages; two clock readings (0.1 microseconds) a use."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += perf_counter() - start  # type: ignore[assignment]

    def per_image(self, count: int) -> dict[str, float]:
        """Milliseconds per picture by stage, in the order of STAGES."""
        return {s: 1e3 * self.seconds[s] / count for s in STAGES if s in self.seconds}
