"""Nesterov's accelerated gradient, as torch has it and as MXNet has it.

P1 (arXiv 1812.01187) trains with it: momentum 0.9, weight decay 1e-4, which is coupled (added to
the gradient). The two versions are equal while the learning rate stays the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD

from fasttricks.tricks.foreach import ForeachOptimizer, Params


def fused_sgd(params: Params, lr: float, *, momentum: float, **settings: Any) -> SGD:
    """torch's SGD in one kernel, its momentum 0 from the start.

    Left alone, torch makes the buffers in the first step out of memory as it finds it. That step
    overwrites them, unless a GradScaler finds an overflow and skips it, as the first steps in
    float16 often are: then training goes on from what happened to be there (torch 2.15).
    Beginning with zeros, a first step comes to the same.
    """
    optimizer = SGD(params, lr, momentum=momentum, fused=True, **settings)
    for group in optimizer.param_groups:
        for p in group["params"] if momentum else ():
            zeros = torch.zeros_like(p, memory_format=torch.preserve_format)
            optimizer.state[p]["momentum_buffer"] = zeros
    return optimizer


class FoldedNesterov(ForeachOptimizer):
    """NAG as MXNet computes it, with the learning rate inside the momentum.

    g = gradient + weight_decay * w; m = momentum * m - lr * g; w += momentum * m - lr * g
    (apache/mxnet python/mxnet/optimizer/nag.py). A step taken at a high rate keeps its length when
    the rate has fallen, which torch's does not: after a drop to a tenth this one coasts on for
    about 1 / (1 - momentum) steps.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(
        self, params: Params, lr: float, *, momentum: float = 0.9, weight_decay: float = 1e-4
    ) -> None:
        if not (lr >= 0 and 0 < momentum < 1 and weight_decay >= 0):
            raise ValueError(
                "need lr >= 0, 0 < momentum < 1 and weight_decay >= 0; got "
                f"{lr}, {momentum} and {weight_decay}"
            )
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def _kept(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",)

    def _update(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        gradients: list[Tensor],
        kept: list[list[Tensor]],
    ) -> None:
        momentum, (moved,) = group["momentum"], kept
        steps = torch._foreach_mul(gradients, -group["lr"])
        if group["weight_decay"]:
            torch._foreach_add_(steps, params, alpha=-group["lr"] * group["weight_decay"])
        torch._foreach_mul_(moved, momentum)
        torch._foreach_add_(moved, steps)
        torch._foreach_add_(params, moved, alpha=momentum)
        torch._foreach_add_(params, steps)
