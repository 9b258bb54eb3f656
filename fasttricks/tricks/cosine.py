"""Cosine decay: the learning rate falls along half a cosine, a little at every step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

End = Literal["after", "last"]
ENDS: tuple[str, ...] = get_args(End)


@dataclass(frozen=True)
class Cosine:
    """The share of the peak learning rate at a step counted from the end of the warm-up.

    P1 section 5.1: (1 + cos(pi * t / T)) / 2 with T steps after the warm-up, no restarts. It is a
    function of the step, not of the epoch.

    Raises:
        ValueError: fewer than 1 step, or no such end.
    """

    absolute: ClassVar[bool] = False
    """Steps are counted from the end of the warm-up."""

    steps: int
    """T, steps after the warm-up."""
    end: End = "after"
    """Where the share is 0. `after`: one step past the last one, so that every step teaches (P1's
    script of 2018, "Assembled CNN"). `last`: at step T - 1 (GluonCV later)."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"cosine steps must be at least 1; got {self.steps}")
        if self.end not in ENDS:
            raise ValueError(f"cosine end must be one of {', '.join(ENDS)}; got {self.end!r}")

    def __call__(self, step: int) -> float:
        """The share at a step, in [0, 1]; 0 from the end on."""
        zero = self.steps if self.end == "after" else max(self.steps - 1, 1)
        return (1 + math.cos(math.pi * min(step, zero) / zero)) / 2

    def __str__(self) -> str:
        return f"cosine to 0 in {self.steps:,} steps"
