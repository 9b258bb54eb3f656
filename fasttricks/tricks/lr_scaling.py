"""Linear scaling: a batch k times as large takes steps k times as long."""

from __future__ import annotations


def scaled_lr(lr_per_256: float, batch_size: int) -> float:
    """The learning rate for a global batch, given the one for 256 samples.

    P1 (arXiv 1812.01187) section 3.1: 0.1 * b / 256, so 0.4 at 1024. The loss must be a mean over
    the *global* batch, as it is under DDP.
    """
    return lr_per_256 * batch_size / 256
