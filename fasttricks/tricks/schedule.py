"""The learning rate of every step: a warm-up, then a decay. No state, so nothing to resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from fasttricks.tricks.cosine import Cosine, End
from fasttricks.tricks.step_decay import QUARTERS, StepDecay
from fasttricks.tricks.warmup import Kind, Warmup

if TYPE_CHECKING:
    import torch

Decay = Literal["step", "cosine", "constant"]
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
class Schedule:
    """`schedule(step)` is the learning rate of an optimiser step, counted from 0, in float64.

    `warmup.peak` is the learning rate that the decay takes shares of.

    Raises:
        ValueError: the decay would begin to fall before the warm-up has ended.
    """

    warmup: Warmup
    decay: StepDecay | Cosine | Constant

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

    def as_torch(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LambdaLR:
        """The same as a torch scheduler, stepped once per optimiser step.

        A group's own learning rate is taken as its peak, so one that is ten times `warmup.peak`
        stays ten times as high.
        """
        from torch.optim.lr_scheduler import LambdaLR

        return LambdaLR(optimizer, lambda step: self(step) / self.warmup.peak)

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
        decay: "step", "cosine" or "constant".
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
    return Schedule(begin, Cosine(rest, end) if decay == "cosine" else Constant(rest))
