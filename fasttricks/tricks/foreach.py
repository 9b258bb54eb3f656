"""What our own optimisers share: a step over groups, each group's parameters updated together.

`torch._foreach_*` does one operation on all tensors of a list, on a GPU in a few kernels instead of
one or more a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

Params = Iterable[Tensor] | Iterable[dict[str, Any]]


class ForeachOptimizer(Optimizer):
    """An optimiser that says in `_update` what it does; this is all else of it.

    Under a `GradScaler` it works as torch's fused optimisers do: the scale, and whether a gradient
    overflowed, come as tensors. It updates in any case, and takes that back where one did: nobody
    waits for the device, as `GradScaler` itself does for other optimisers in every step. All
    parameters have to be on one device then.
    """

    _step_supports_amp_scaling = True
    """GradScaler then sets `grad_scale` and `found_inf` for the time of a step, and only then."""

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One update of all parameters that have a gradient.

        Args:
            closure: computes the gradients again and gives the loss, which is handed back.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        found = getattr(self, "found_inf", None)
        self._skip: Tensor | None = None if found is None else torch.as_tensor(found) > 0
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                gradients = [p.grad for p in params]
                self._unscale(gradients)
                kept = [self._buffers(name, params) for name in self._kept(group)]
                with self._taken_back([*params, *chain(*kept)]):
                    self._update(group, params, gradients, kept)
        return loss

    def _kept(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Names of what is kept for each parameter of a group, in tensors of its shape."""
        raise NotImplementedError

    def _update(
        self,
        group: dict[str, Any],
        params: list[Tensor],
        gradients: list[Tensor],
        kept: list[list[Tensor]],
    ) -> None:
        """Change the parameters of a group that have a gradient; at least one has.

        Args:
            gradients: of `params`, not to be changed.
            kept: for each name of `_kept`, a tensor for each of `params`; zeros at first.
        """
        raise NotImplementedError

    def _buffers(self, name: str, params: list[Tensor]) -> list[Tensor]:
        """A kept tensor for each parameter, of its shape and layout; zeros at first."""
        for parameter in params:
            if name not in self.state[parameter]:
                zeros = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                self.state[parameter][name] = zeros
        return [self.state[parameter][name] for parameter in params]

    def _unscale(self, gradients: list[Tensor]) -> None:
        scale: Tensor | None = getattr(self, "grad_scale", None)
        if scale is not None:
            torch._foreach_mul_(gradients, scale.double().reciprocal().float())

    @contextmanager
    def _taken_back(self, tensors: list[Tensor]) -> Iterator[None]:
        """What happens to these tensors meanwhile has not happened if this step is skipped."""
        if self._skip is None:
            yield
            return
        before = torch._foreach_mul(tensors, 1)  # copies, on a GPU in a few kernels
        yield
        for old, new in zip(before, tensors, strict=True):
            torch.where(self._skip, old, new, out=new)
