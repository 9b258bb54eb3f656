"""EMA: evaluate an average of the weights over the last steps, which is smoother than any of them.

Polyak averaging with exponential weights, as in Inception-V3's training (arXiv 1512.00567, section
8) and in timm's and torchvision's reference scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class EMA:
    """average = d * average + (1 - d) * weights, after every step of the optimiser.

    Buffers (a batch norm's statistics are averages already) are always the model's own. Costs one
    more copy of the weights and, per step, one pass over both; nothing waits for the device.
    Averages are in the weights' dtype: keep those in float32.

        ema = EMA(model, 0.9999)
        ...                          # after each step
        ema.update()
        ...
        with ema.swapped():          # the model has the averages
            evaluate(model, ...)

    Args:
        model: whose parameters are followed; already on its device.
        decay: d, in [0, 1); an average over about 1 / (1 - d) steps. It begins with less,
            min(d, (1 + t) / (10 + t)) at update t = 1, 2, ..., so that the random first weights are
            soon forgotten (TensorFlow's `num_updates`).

    Raises:
        ValueError: decay is out of range.
    """

    def __init__(self, model: nn.Module, decay: float = 0.9999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay}: allowed are numbers from 0 to below 1")
        self.decay = decay
        self.updates = 0
        self._model = model
        self._averages = {name: weight.clone() for name, weight in self._weights().items()}

    def decay_at(self, update: int) -> float:
        """d of an update, the first being 1."""
        return min(self.decay, (1 + update) / (10 + update))

    @torch.no_grad()
    def update(self) -> None:
        """Take the model's present weights into the average."""
        self.updates += 1
        averages, weights = list(self._averages.values()), list(self._weights().values())
        torch._foreach_lerp_(averages, weights, 1 - self.decay_at(self.updates))

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The model has the averages inside, and its own weights again afterwards.

        In place, so optimisers, DDP and CUDA graphs notice nothing. Do not update or train inside.
        """
        weights = list(self._weights().values())
        own = [weight.clone() for weight in weights]
        torch._foreach_copy_(weights, list(self._averages.values()))
        try:
            yield
        finally:
            torch._foreach_copy_(weights, own)

    def state_dict(self) -> dict[str, Any]:
        """`model`: a state dict of the model with the averages in it; `updates`: how many so far.

        The tensors are those in use, not copies.
        """
        return {"model": {**self._model.state_dict(), **self._averages}, "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; the model's buffers are loaded with the model.

        Raises:
            ValueError: it is of another network.
        """
        given = state["model"]
        for name, average in self._averages.items():
            if name not in given or given[name].shape != average.shape:
                raise ValueError(f"these averages are of another network: see {name}")
            average.copy_(given[name])
        self.updates = int(state["updates"])

    def _weights(self) -> dict[str, Tensor]:
        named = self._model.named_parameters(remove_duplicate=False)
        return {name: parameter.detach() for name, parameter in named}
