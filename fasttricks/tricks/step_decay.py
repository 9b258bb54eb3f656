"""Step decay: the learning rate falls by a factor at given epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass

QUARTERS = (0.25, 0.5, 0.75)
"""The paper's drops as shares of its 120 epochs."""


@dataclass(frozen=True)
class StepDecay:
    """The share of the peak learning rate at a step counted from the start of training.

    P1 section 2.1: 120 epochs, a tenth at 30, 60 and 90. The epochs are those of the whole
    training: a warm-up is part of them, it does not push the drops back.

    Raises:
        ValueError: drops that do not rise inside the epochs.
    """

    epochs: int
    steps_per_epoch: int
    drops: tuple[float, ...] = QUARTERS
    """When the rate falls: below 1 a share of the epochs, so that a shorter training keeps its
    proportions; from 1 on an epoch, counted from 0, whose first step is the first at the lower
    rate."""
    factor: float = 0.1

    def __post_init__(self) -> None:
        found = self.drop_epochs
        inside = all(0 < drop < self.epochs for drop in found)
        if not inside or list(found) != sorted(set(found)):
            raise ValueError(
                f"drops must rise and lie inside the {self.epochs} epochs; got {self.drops}"
            )

    @property
    def drop_epochs(self) -> tuple[float, ...]:
        """`drops`, all of them in epochs."""
        return tuple(drop * self.epochs if drop < 1 else drop for drop in self.drops)

    @property
    def drop_steps(self) -> tuple[int, ...]:
        """The first step at each lower rate; an epoch's fraction is rounded up to a step."""
        exact = (drop * self.steps_per_epoch for drop in self.drop_epochs)
        return tuple(math.ceil(round(step, 6)) for step in exact)  # 0.07 * 1000 is above 70

    def __call__(self, step: int) -> float:
        """The share at a step, in (0, 1]."""
        return self.factor ** sum(step >= drop for drop in self.drop_steps)

    def __str__(self) -> str:
        return f"x {self.factor:g} at epochs {', '.join(f'{drop:g}' for drop in self.drop_epochs)}"
