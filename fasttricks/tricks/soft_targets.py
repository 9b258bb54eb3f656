"""Cross-entropy against whatever a loader gives: class indices, mixed ones, or probabilities.

Where a picture has few labels their log-probabilities are gathered, and the [B, K] of targets is
never made. Nothing here waits for a GPU.
"""

from __future__ import annotations

import torch

from fasttricks.kernels.mix.targets import Mixed
from fasttricks.tricks.label_smoothing import Form, uniform_share

Targets = torch.Tensor | Mixed
"""Class indices int64 [B]; probabilities float [B, K]; or `Mixed` of either."""


def cross_entropy(
    logits: torch.Tensor,
    targets: Targets,
    smoothing: float = 0.0,
    form: Form = "uniform",
) -> torch.Tensor:
    """Mean cross-entropy over the batch, a float32 scalar also under autocast.

    Equals `torch.nn.functional.cross_entropy(logits, targets, label_smoothing=smoothing)` for class
    indices and for probabilities, and that of `targets.soft(K, smoothing)` for `Mixed`.

    Args:
        logits: float [B, K] of any precision; float64 stays float64.
        targets: see `Targets`.
        smoothing, form: see `label_smoothing.uniform_share`.

    Raises:
        ValueError: logits and targets do not fit together.
    """
    _check(logits, targets)
    share = uniform_share(smoothing, logits.shape[1], form)
    log_p = log_probabilities(logits)
    loss = -_expected(log_p, targets).mean()
    if not share:
        return loss
    return (1 - share) * loss - share * log_p.mean()


def log_probabilities(logits: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """log softmax(logits / temperature), [B, K] in float32 (float64 stays float64)."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    if temperature != 1:
        logits = logits.to(dtype) / temperature
    return torch.log_softmax(logits, dim=1, dtype=dtype)


def _expected(log_p: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Each target's expectation of the log-probabilities, [B]."""
    if isinstance(targets, Mixed):
        if not targets.labels.is_floating_point():
            gathered = log_p.gather(1, targets.labels.long())
            return (gathered * targets.weights.to(log_p.dtype)).sum(1)
        shares = targets.weights[..., None].to(targets.labels.dtype)
        targets = (targets.labels * shares).sum(1)
    if targets.is_floating_point():
        return (log_p * targets.to(log_p.dtype)).sum(1)
    return log_p.gather(1, targets.long()[:, None])[:, 0]


def _check(logits: torch.Tensor, targets: Targets) -> None:
    values, dims = (targets.labels, 2) if isinstance(targets, Mixed) else (targets, 1)
    batch, classes = logits.shape
    expected = (classes,) if values.is_floating_point() else ()
    shape = tuple(values.shape)
    if shape[0] != batch or shape[dims:] != expected:
        raise ValueError(
            f"targets {values.dtype} {list(shape)} do not fit logits {list(logits.shape)}: give "
            "class indices [B], probabilities [B, K], or Mixed of either"
        )
