"""Learning rates of the first steps, before the peak: three kinds of warm-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["from-zero", "from-base", "constant"]


@dataclass(frozen=True)
class Warmup:
    """The learning rate of steps 0 to `steps` - 1; after them it is `peak`.

    Sources number the batches in different ways; here:

    - `from-zero`: P1 section 3.1, batch i of m has i * peak / m with 1 <= i <= m. The first step is
      peak / m, not 0 (a step at 0 is a step lost), and the last one of the warm-up is at the peak.
      GluonCV counts alike but divides by m - 1; its script of 2018 and that of "Assembled CNN"
      count from 0, so that their first batch is not learned from.
    - `from-base`: Goyal et al. (arXiv 1706.02677) section 2.2, a line from the learning rate before
      it was scaled. The first step has exactly `base_lr`, the first after the warm-up `peak`.
    - `constant`: `base_lr` throughout, then a jump to `peak` (He et al., arXiv 1512.03385).
    """

    kind: Kind
    steps: int
    """m, optimiser steps; 0 is no warm-up."""
    base_lr: float
    """Where `from-base` starts and `constant` stays; `from-zero` does not use it."""
    peak: float

    def __call__(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step >= self.steps:
            return self.peak
        if self.kind == "constant":
            return self.base_lr
        if self.kind == "from-base":
            return self.base_lr + (self.peak - self.base_lr) * step / self.steps
        return self.peak * (step + 1) / self.steps

    def __str__(self) -> str:
        if self.kind == "constant":
            return f"{self.base_lr:g} for {self.steps:,} steps"
        start = 0.0 if self.kind == "from-zero" else self.base_lr
        return f"{start:g} to {self.peak:g} in {self.steps:,} steps"
