"""Zero gamma: every residual block starts as the identity.

P1 (arXiv 1812.01187) section 3.1: gamma of the *last* normalisation of each residual branch starts
at 0, so that a deep net begins as a shallow one. Norms on the shortcut keep their 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import torch
from torch import nn

from fasttricks.models.init import last_norms

_LAST = ("bn3", "conv3.bn", "bn2", "conv2.bn")
"""Where torchvision's and timm's blocks have their last norm, whichever comes first."""


def zero_gamma(model: nn.Module) -> int:
    """Set gamma of the last norm in each residual branch to 0, in place.

    For fresh nets: on a trained one it would throw the branches away. Ours do it themselves
    (`zero_gamma=True` of `create_model`), and doing it again changes nothing.

    Args:
        model: of ours (blocks say which: `last_norm`), or a ResNet of torchvision or
            timm (by the names that they use).

    Returns:
        How many were set: 8, 16, 16, 33, 50 for ResNet-18 to -152; 0 for a net without residual
        branches, which has no use for it (Inception, MobileNet v1).
    """
    norms: Iterator[Any] = chain(last_norms(model), _their_last_norms(model))
    gammas = [norm.weight for norm in norms]
    with torch.no_grad():
        for gamma in gammas:
            gamma.zero_()
    return len(gammas)


def _their_last_norms(model: nn.Module) -> Iterator[Any]:
    for block in model.modules():
        if hasattr(block, "downsample"):  # None where the shortcut is plain
            found = (_at(block, path) for path in _LAST)
            yield from [norm for norm in found if norm is not None][:1]


def _at(block: Any, path: str) -> Any:
    """The norm at a dotted path; None if there is none that has a gamma."""
    norm = block
    for name in path.split("."):
        norm = getattr(norm, name, None)
    return norm if isinstance(getattr(norm, "weight", None), torch.Tensor) else None
