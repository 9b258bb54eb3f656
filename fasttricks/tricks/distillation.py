"""Knowledge distillation: a student learns from a teacher's probabilities too.

P1 (arXiv 1812.01187) section 5.3, after Hinton et al. (arXiv 1503.02531). The soft term is a
cross-entropy, not a divergence: they differ by the teacher's entropy, which no gradient sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from fasttricks.tricks.label_smoothing import Form
from fasttricks.tricks.soft_targets import Targets, cross_entropy, log_probabilities

How = Literal["sum", "convex"]


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """The loss of a student: `distillation(logits, targets, teacher)`.

    `Distillation()` is P1's; P2 (arXiv 2001.06268) has temperature 1 and a teacher whose logits
    are computed once (`teacher_logits`).
    """

    how: How = "sum"
    """`sum`: hard + T^2 * soft, as both papers write. `convex`: weight * hard +
    (1 - weight) * T^2 * soft, as GluonCV's script; at weight 0.5 the same direction at half the
    size, as if the learning rate were halved but not the weight decay."""
    temperature: float = 20.0
    """T, above 0; both sets of logits are divided by it."""
    weight: float = 0.5
    """Share of the hard term, in [0, 1]; of `convex` only."""

    def __call__(
        self,
        logits: torch.Tensor,
        targets: Targets,
        teacher: torch.Tensor,
        smoothing: float = 0.0,
        form: Form = "uniform",
    ) -> torch.Tensor:
        """The mean over the batch, a float32 scalar also under autocast; waits for no GPU.

        Args:
            logits: the student's, float [B, K].
            targets, smoothing, form: of the hard term, as `cross_entropy` takes them. The soft
                term is not smoothed.
            teacher: its probabilities at `temperature`, float [B, K], for the very pictures that
                the student saw: `self.soften(teacher_logits)`, or
                `TeacherLogits.probabilities(mixed, temperature)`.
        """
        return self.with_soft(cross_entropy(logits, targets, smoothing, form), logits, teacher)

    def with_soft(
        self, hard: torch.Tensor, logits: torch.Tensor, teacher: torch.Tensor
    ) -> torch.Tensor:
        """The same, for those who have the loss of the labels already and want it by itself."""
        soft = self.temperature**2 * soft_term(logits, teacher, self.temperature)
        if self.how == "sum":
            return hard + soft
        return self.weight * hard + (1 - self.weight) * soft

    def soften(self, teacher_logits: torch.Tensor) -> torch.Tensor:
        """A teacher's probabilities at `temperature`, float32 [B, K], without gradient."""
        return log_probabilities(teacher_logits.detach(), self.temperature).exp()


def soft_term(logits: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean cross-entropy of softmax(logits / temperature) against probabilities [B, K].

    Its gradient shrinks as 1 / T^2; times T^2 it tends to (z - r, centred) / K as T grows, with z
    and r the logits of student and teacher.
    """
    log_p = log_probabilities(logits, temperature)
    return -(log_p * teacher.detach().to(log_p.dtype)).sum(1).mean()


class OnlineTeacher:
    """A trained net that answers for the pictures of each step, mixed as they are.

    Not an `nn.Module`, so it is never a part of the student: not trained, not saved, not counted.

    Args:
        model: [B, 3, H, W] -> logits [B, K]. It is put into eval mode and its parameters stop
            asking for gradients.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model.eval().requires_grad_(False)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """The teacher's logits [B, K], without gradient; autocast is the caller's."""
        if self.model.training:  # the caller called train(): its running statistics would drift
            self.model.eval()
        with torch.no_grad():
            logits: torch.Tensor = self.model(images)
        return logits
