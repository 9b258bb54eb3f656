"""Smoothed targets by definition, which the loss is compared with."""

import torch

from fasttricks.tricks.label_smoothing import Form, uniform_share


def smooth(
    targets: torch.Tensor, num_classes: int, smoothing: float = 0.1, form: Form = "uniform"
) -> torch.Tensor:
    """Smoothed probabilities, float32 (float64 of float64) [B, K].

    Args:
        targets: class indices int64 [B], or probabilities [B, K]: smoothing a mixture is mixing
            the smoothed.
        num_classes: K.
        smoothing, form: see `uniform_share`.
    """
    share = uniform_share(smoothing, num_classes, form)
    if targets.is_floating_point():
        hard = targets if targets.dtype == torch.float64 else targets.float()
    else:
        hard = torch.nn.functional.one_hot(targets, num_classes).float()
    return (1 - share) * hard + share / num_classes
