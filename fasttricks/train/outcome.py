"""What a run of the trainer came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fasttricks.train.evaluate import Metrics

Ending = Literal["complete", "max-steps", "signal"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a run."""

    steps: int
    """Updates done, those before a resumption included."""
    metrics: Metrics | None
    """Of the last evaluation."""
    ended: Ending
    """What ended it: all steps were done, `max_steps` asked for no more, or a signal came."""
    stopped: str
    """Why it ended early, in words; "" if it did not."""
    summary: list[str]
    """Where the time went."""
