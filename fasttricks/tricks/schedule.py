"""The learning rate of every step: a warm-up, then a decay. No state, so nothing to resume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fasttricks.tricks.cosine import cosine
from fasttricks.tricks.step_decay import StepDecay
from fasttricks.tricks.warmup import Warmup

Decay = Literal["cosine", "linear", "constant"]


def linear(step: int, steps: int) -> float:
    """Along a line, to 0 after the last step; FFCV's behind its peak."""
    return max(0.0, 1 - step / steps)


def constant(step: int, steps: int) -> float:
    """The peak throughout."""
    return 1.0


DECAYS: dict[Decay, tuple[Callable[[int, int], float], str]] = {
    "cosine": (cosine, "cosine to 0 in"),
    "linear": (linear, "linearly to 0 in"),
    "constant": (constant, "constant for"),
}
"""The share of the peak at a step of so many, both counted from the end of the warm-up; and the
words for it."""


@dataclass(frozen=True)
class Schedule:
    """`schedule(step)` is the learning rate of an optimiser step, counted from 0, in float64."""

    warmup: Warmup
    """`warmup.peak` is the learning rate that the decay takes shares of."""
    steps: int
    """Of the whole training, more than the warm-up's."""
    decay: StepDecay | Decay

    def __call__(self, step: int) -> float:
        """The learning rate of a step; past the end that of the end."""
        if step < self.warmup.steps:
            return self.warmup(step)
        if isinstance(self.decay, StepDecay):  # its epochs are those of the whole training
            return self.warmup.peak * self.decay(step)
        share, _ = DECAYS[self.decay]
        return self.warmup.peak * share(step - self.warmup.steps, self.steps - self.warmup.steps)

    def __str__(self) -> str:
        before = f"{self.warmup}, then " if self.warmup.steps else ""
        after = str(self.decay)
        if not isinstance(self.decay, StepDecay):
            after = f"{DECAYS[self.decay][1]} {self.steps - self.warmup.steps:,} steps"
        return f"{before}{self.warmup.peak:g} {after}"
