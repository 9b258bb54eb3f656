"""What our own optimisers share: a step over groups, each group's parameters updated together.

`torch._foreach_*` does one operation on all tensors of a list, on a GPU in a few kernels instead of
one or more a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

Params = Iterable[Tensor] | Iterable[dict[str, Any]]


class ForeachOptimizer(Optimizer):
    """An optimiser that says in `_update` what it does; this is all else of it."""

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One update of all parameters that have a gradient.

        Args:
            closure: computes the gradients anew and gives the loss, which is handed back.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if params:
                self._update(group, params)
        return loss

    def _update(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Change the parameters of a group that have a gradient; at least one has."""
        raise NotImplementedError

    def _buffers(self, name: str, params: list[Tensor]) -> list[Tensor]:
        """A kept tensor for each parameter, of its shape and layout; zeros at first."""
        for parameter in params:
            if name not in self.state[parameter]:
                zeros = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                self.state[parameter][name] = zeros
        return [self.state[parameter][name] for parameter in params]
