"""AdaBound: begins as Adam and ends as SGD with momentum.

Source: "Adaptive Gradient Methods with Dynamic Bound of Learning Rate" (arXiv 1902.09843). Where
its text and its authors' code differ (the text divides the clipped rate by sqrt(t)), this is the
code's: Luolc/AdaBound, adabound/adabound.py.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor

from fasttricks.tricks.foreach import ForeachOptimizer, Params

T = TypeVar("T", float, Tensor)


class AdaBound(ForeachOptimizer):
    """Adam whose rate, weight by weight, is clamped between two bounds that close in on one rate.

    With m and v Adam's moments and t the step, from 1 on:

        rate = lr * sqrt(1 - beta2^t) / (1 - beta1^t) / (sqrt(v) + eps), clamped into
               [f * (1 - 1 / (gamma * t + 1)), f * (1 + 1 / (gamma * t))],  f = final_lr * lr / base
        w   -= rate * m

    `base` is the learning rate that the optimiser was made with, so both bounds follow a schedule.
    It is kept in the state dict: training that goes on after a restart has the same bounds.

    Args:
        params: what to train; a group's own values come before those given here.
        lr: Adam's rate, and `base`: give the schedule's peak.
        betas: decay of the moments.
        final_lr: the rate at the end, on m (which is an average: SGD's momentum buffer with 0.9 is
            ten times as large).
        gamma: how fast the bounds close; about 1 / gamma steps.
        eps: added to sqrt(v).
        weight_decay: added to the gradient; if `decoupled`, weights shrink by lr * weight_decay of
            themselves instead, as in AdamW.
        amsbound: divide by the largest v so far (AMSBound).

    Raises:
        ValueError: a number out of range.
        RuntimeError: a sparse gradient.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        final_lr: float = 0.1,
        gamma: float = 1e-3,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        amsbound: bool = False,
    ) -> None:
        if not (lr > 0 and final_lr > 0 and gamma > 0 and eps > 0 and weight_decay >= 0):
            raise ValueError(
                "need lr, final_lr, gamma and eps above 0 and weight_decay >= 0; got "
                f"{lr}, {final_lr}, {gamma}, {eps} and {weight_decay}"
            )
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"need both betas in [0, 1); got {betas}")
        defaults = {
            "lr": lr, "betas": betas, "final_lr": final_lr, "gamma": gamma, "eps": eps,
            "weight_decay": weight_decay, "decoupled": decoupled, "amsbound": amsbound,
        }  # fmt: skip
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As torch's; the learning rate that it has now becomes its `base_lr`."""
        param_group.setdefault("base_lr", param_group.get("lr", self.defaults["lr"]))
        super().add_param_group(param_group)

    def _kept(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsbound"] else ()))

    def _update(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        gradients: list[Tensor],
        kept: list[list[Tensor]],
    ) -> None:
        beta1, beta2 = group["betas"]
        gradients = self._decayed(group, params, gradients)
        m, v, *largest = kept
        torch._foreach_lerp_(m, gradients, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, gradients, gradients, 1 - beta2)
        for most in largest:
            torch._foreach_maximum_(most, v)
            v = most

        steps = self._count(params)
        if isinstance(steps, Tensor):
            factors, lower, upper = (each.unbind() for each in limits(group, steps))
        else:
            factors, lower, upper = zip(*(limits(group, t) for t in steps), strict=True)
        rates = torch._foreach_sqrt(v)
        torch._foreach_add_(rates, group["eps"])
        torch._foreach_reciprocal_(rates)
        torch._foreach_mul_(rates, factors)
        torch._foreach_clamp_min_(rates, lower)
        torch._foreach_clamp_max_(rates, upper)
        torch._foreach_mul_(rates, m)
        torch._foreach_sub_(params, rates)

    def _decayed(
        self, group: dict[str, Any], params: list[Tensor], gradients: list[Tensor]
    ) -> list[Tensor]:
        """Gradients with the coupled decay in them; the decoupled one is carried out here."""
        if any(gradient.is_sparse for gradient in gradients):
            raise RuntimeError("AdaBound has no sparse gradients")
        decay = group["weight_decay"]
        if not decay:
            return gradients
        if group["decoupled"]:
            torch._foreach_mul_(params, 1 - group["lr"] * decay)
            return gradients
        return list(torch._foreach_add(gradients, params, alpha=decay))

    def _count(self, params: list[Tensor]) -> list[float] | Tensor:
        """The number of this step of each parameter, from 1 on.

        Under a GradScaler only the device knows which steps were skipped, so they are counted
        there, in float64 [len(params)].
        """
        states = [self.state[p] for p in params]
        if self._skip is None:
            for state in states:  # a tensor if there was a GradScaler before
                state["step"] = int(state.get("step", 0)) + 1
            return [state["step"] for state in states]
        done = (~self._skip).double()
        for state in states:
            state["step"] = state.get("step", 0) + done
        return torch.stack([state["step"] for state in states])


def limits(group: dict[str, Any], step: Any) -> tuple[Any, Any, Any]:
    """Factor of the rates and what they are clamped into, at a step, or a tensor of steps."""
    lr, (beta1, beta2) = group["lr"], group["betas"]
    factor = lr * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
    return factor, *bounds(group["final_lr"] * lr / group["base_lr"], group["gamma"], step)


def bounds(final: float, gamma: float, step: T) -> tuple[T, T]:
    """What a rate is clamped into at a step, counted from 1; both tend to `final`."""
    return final * (1 - 1 / (gamma * step + 1)), final * (1 + 1 / (gamma * step))
