"""Forward and backward pass as one CUDA graph: launched at once instead of a thousand kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from fasttricks.kernels.mix.targets import Mixed
from fasttricks.train.batchnorm import buffers_kept
from fasttricks.train.prefetch import Batch

WARMUPS = 3
"""Passes before recording: cuDNN picks its kernels, autograd and loss scaling make their memory."""


class Graphed:
    """Calls a pass over a batch by replaying what it did the first time.

    It is recorded again when the shape of the batches changes. Gradients are written afresh in each
    replay, to the memory that the parameters' `grad` had at the recording: leave them there.

    Args:
        run: forward and backward; reads only the batch and the model, returns the loss.
        model: whose buffers the warming up must leave as they were.
    """

    def __init__(self, run: Callable[[Batch], torch.Tensor], model: nn.Module) -> None:
        self._run, self._model = run, model
        self._shapes: list[tuple[torch.Size, torch.dtype]] = []
        self._graph = torch.cuda.CUDAGraph()
        self._batch = Batch(torch.empty(0), torch.empty(0))
        self._loss = torch.empty(0)

    def __call__(self, batch: Batch) -> torch.Tensor:
        """The loss of this batch; overwritten by the next call."""
        shapes = [(tensor.shape, tensor.dtype) for tensor in batch.tensors()]
        if shapes != self._shapes:
            self._record(batch)
            self._shapes = shapes
        for kept, given in zip(self._batch.tensors(), batch.tensors(), strict=True):
            kept.copy_(given)
        self._graph.replay()
        return self._loss

    def _record(self, batch: Batch) -> None:
        self._batch = _copy(batch)
        with buffers_kept(self._model):
            self._warm_up()
            self._graph = torch.cuda.CUDAGraph()
            # The loader's threads copy and allocate meanwhile; only this thread's work is recorded.
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._loss = self._run(self._batch)

    def _warm_up(self) -> None:
        main = torch.cuda.current_stream()
        side = torch.cuda.Stream(main.device)  # type: ignore[no-untyped-call]
        side.wait_stream(main)
        with torch.cuda.stream(side):
            for _ in range(WARMUPS):
                self._forget_gradients()
                self._run(self._batch)
        main.wait_stream(side)
        self._forget_gradients()

    def _forget_gradients(self) -> None:
        for parameter in self._model.parameters():
            parameter.grad = None


def _copy(batch: Batch) -> Batch:
    targets = batch.targets
    return Batch(
        batch.images.clone(),  # keeps channels_last
        Mixed(*(part.clone() for part in targets))
        if isinstance(targets, Mixed)
        else targets.clone(),
        None if batch.indices is None else batch.indices.clone(),
    )
