"""Linear scaling: a batch k times as large takes steps k times as long."""

from __future__ import annotations

import math


def scaled_lr(lr: float, batch_size: int, *, base: int = 256) -> float:
    """The learning rate for a global batch, given the one for `base` samples.

    P1 (arXiv 1812.01187) section 3.1: 0.1 * b / 256, so 0.4 at 1024. The loss must be a mean over
    the *global* batch, as it is under DDP.

    Raises:
        ValueError: a batch below 1, or a learning rate that is not finite and positive.
    """
    if not (math.isfinite(lr) and lr > 0):
        raise ValueError(f"lr must be finite and > 0; got {lr}")
    for name, size in (("batch_size", batch_size), ("base", base)):
        if size < 1:
            raise ValueError(f"{name} must be at least 1; got {size}")
    return lr * batch_size / base
