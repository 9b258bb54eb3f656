"""The learning rate of every step: a warm-up, then a decay. No state, so nothing to resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from fasttricks.tricks.cosine import Cosine, End
from fasttricks.tricks.step_decay import QUARTERS, StepDecay
from fasttricks.tricks.warmup import Kind, Warmup

Decay = Literal["step", "cosine", "linear", "constant"]
DECAYS: tuple[str, ...] = get_args(Decay)


@dataclass(frozen=True)
class Constant:
    """The peak learning rate throughout."""

    absolute: ClassVar[bool] = False
    steps: int

    def __call__(self, step: int) -> float:
        return 1.0

    def __str__(self) -> str:
        return f"constant for {self.steps:,} steps"


@dataclass(frozen=True)
class Linear:
    """The learning rate falls along a line, to 0 after the last step; FFCV's behind its peak."""

    absolute: ClassVar[bool] = False
    steps: int

    def __call__(self, step: int) -> float:
        return max(0.0, 1 - step / self.steps)

    def __str__(self) -> str:
        return f"linearly to 0 in {self.steps:,} steps"


@dataclass(frozen=True)
class Schedule:
    """`schedule(step)` is the learning rate of an optimiser step, counted from 0, in float64.

    `warmup.peak` is the learning rate that the decay takes shares of.

    Raises:
        ValueError: the decay would begin to fall before the warm-up has ended.
    """

    warmup: Warmup
    decay: StepDecay | Cosine | Linear | Constant

    def __post_init__(self) -> None:
        if isinstance(self.decay, StepDecay):
            first = min(self.decay.drop_steps, default=self.decay.steps)
            if first < self.warmup.steps:
                raise ValueError(
                    f"the first drop, at step {first}, lies inside the warm-up of "
                    f"{self.warmup.steps} steps; epochs of drops count from the start of training"
                )

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.decay.steps + (0 if self.decay.absolute else self.warmup.steps)

    def __call__(self, step: int) -> float:
        """The learning rate of a step; past the end that of the end.

        Raises:
            ValueError: a step below 0.
        """
        if step < 0:
            raise ValueError(f"steps count from 0; got {step}")
        if step < self.warmup.steps:
            return self.warmup(step)
        since = step if self.decay.absolute else step - self.warmup.steps
        return self.warmup.peak * self.decay(since)

    def __str__(self) -> str:
        before = f"{self.warmup}, then " if self.warmup.steps else ""
        return f"{before}{self.warmup.peak:g} {self.decay}"


def make_schedule(
    decay: Decay,
    *,
    peak: float,
    epochs: int,
    steps_per_epoch: int,
    warmup: Kind = "from-zero",
    warmup_epochs: float = 5,
    base_lr: float = 0.1,
    drops: Sequence[float] = QUARTERS,
    factor: float = 0.1,
    end: End = "after",
) -> Schedule:
    """A schedule of `epochs` epochs, the warm-up among them.

    Args:
        decay: "step", "cosine", "linear" or "constant".
        peak: the learning rate after the warm-up, as `scaled_lr` gives it.
        warmup, warmup_epochs, base_lr: see `Warmup`; P1 takes 5 epochs from zero. The steps are
            rounded down.
        drops, factor: of "step", see `StepDecay`.
        end: of "cosine", see `Cosine`.

    Raises:
        ValueError: a value is out of range, or the warm-up is as long as the training.
    """
    if decay not in DECAYS:
        raise ValueError(f"decay must be one of {', '.join(DECAYS)}; got {decay!r}")
    begin = Warmup(warmup, int(warmup_epochs * steps_per_epoch), base_lr, peak)
    if decay == "step":
        return Schedule(begin, StepDecay(epochs, steps_per_epoch, tuple(drops), factor))
    rest = epochs * steps_per_epoch - begin.steps
    if rest < 1:
        raise ValueError(f"a warm-up of {warmup_epochs:g} epochs leaves none of {epochs}")
    if decay == "cosine":
        return Schedule(begin, Cosine(rest, end))
    return Schedule(begin, Linear(rest) if decay == "linear" else Constant(rest))
