"""One update of the weights, and what is kept of it on the device until it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from fasttricks.train.buckets import settle
from fasttricks.train.distributed import World
from fasttricks.train.graph import Graphed
from fasttricks.train.loss import Loss
from fasttricks.train.prefetch import Batch
from fasttricks.tricks.mixed_precision import MixedPrecision

NEVER = -1


class TrainStep:
    """Forward, loss, backward and update. Nothing in it waits for the device.

    Args:
        model: bare, or in DistributedDataParallel.
        criterion: the loss.
        optimizer: over the model's parameters.
        precision: what runs in 16 bits.
        accumulate: parts, each a batch of the loader, whose mean gradient makes one update.
        graph: replay forward and backward as a CUDA graph.

    Attributes:
        scaler: of the loss; does nothing except for float16.
        losses: mean and health of those since the last look.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: Loss,
        optimizer: Optimizer,
        precision: MixedPrecision,
        device: torch.device,
        *,
        accumulate: int = 1,
        graph: bool = False,
    ) -> None:
        self._model, self._criterion, self._optimizer = model, criterion, optimizer
        self._precision, self._accumulate = precision, accumulate
        self._keeps_gradients = graph
        self._settled = False
        self._pass: Callable[[Batch], torch.Tensor] = (
            Graphed(self._forward_backward, model) if graph else self._forward_backward
        )
        self.scaler = precision.scaler()
        self.losses = LossMeter(device)

    def __call__(self, batches: Iterable[Batch], number: int, lr: float) -> None:
        """Make update `number` at learning rate `lr` from `accumulate` batches."""
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        for part, batch in enumerate(batches, start=1):
            self._settle(batch)
            with self._gradients_stay_here(unless=part == self._accumulate):
                self.losses.add(self._pass(batch), number)
        self.scaler.step(self._optimizer)
        self.scaler.update()
        if not self._keeps_gradients:  # a graph overwrites its gradients, always to one place
            self._optimizer.zero_grad(set_to_none=True)

    def _settle(self, batch: Batch) -> None:
        """Before the first batch of several processes: the order in which they add gradients."""
        if not self._settled and isinstance(self._model, DistributedDataParallel):
            settle(self._model, lambda: self._pass(batch))
        self._settled = True

    def _forward_backward(self, batch: Batch) -> torch.Tensor:
        """Adds to the gradients; the loss and that of the labels, float32 [2], without graph."""
        with self._precision.autocast():
            logits = self._model(batch.images)
            losses = self._criterion(logits, batch)
        self.scaler.scale(losses.whole / self._accumulate).backward()  # type: ignore[no-untyped-call]
        return torch.stack(losses).detach()

    def _gradients_stay_here(self, *, unless: bool) -> AbstractContextManager[object]:
        """Only the last part's backward pass averages gradients over processes."""
        if unless or not isinstance(self._model, DistributedDataParallel):
            return nullcontext()
        return self._model.no_sync()


class LossMeter:
    """Losses summed on the device; reading them is the only wait of a training loop."""

    def __init__(self, device: torch.device) -> None:
        # Losses, those of the labels, how many.
        self._sums = torch.zeros(3, dtype=torch.float64, device=device)
        self._first = torch.full((), NEVER, dtype=torch.int64, device=device)

    def add(self, losses: torch.Tensor, number: int) -> None:
        """Note a loss of update `number` and that of its labels, [2]."""
        self._sums[:2] += losses
        self._sums[2] += 1
        bad = ~torch.isfinite(losses[0]) & (self._first == NEVER)
        self._first.masked_fill_(bad, number)

    def read(self, world: World) -> tuple[float, float, bool]:
        """The means over all processes since it was last read, and whether any loss of any process
        was not finite; all must ask at the same step."""
        diverged = (self._first != NEVER).double().reshape(1)
        losses, labels, count, bad = world.sum(torch.cat([self._sums, diverged])).tolist()
        self._sums.zero_()
        return losses / max(count, 1), labels / max(count, 1), bool(bad)

    def first_bad(self) -> int:
        """The first update of this process whose loss was not finite; `NEVER` if none."""
        return int(self._first)
