"""Every operation of a forward, or of a training step, and the tensors that it reads and writes.

The model runs on torch's meta device: shapes and types, no data, no arithmetic.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode


@dataclass(frozen=True)
class Region:
    """What an operation reads or writes of a tensor's contents."""

    value: int
    """Number of the contents: writing in place makes new ones."""
    offset: int
    """Where a view begins, so that two halves of a tensor are told apart."""
    elements: int
    nbytes: int


@dataclass(frozen=True)
class Op:
    """One call of an aten operation that is neither a view nor an allocation."""

    name: str
    """Without namespace and overload: `convolution`, `add_`."""
    pointwise: bool
    """torch says that each element of the output depends on its like in the inputs only."""
    reads: tuple[Region, ...]
    writes: tuple[Region, ...]
    train: bool = False
    """Of a batch norm: the statistics are the batch's."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes operations in the order in which they run, backward ones included."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops: list[Op] = []
        self._storages: dict[int, torch.UntypedStorage] = {}  # kept, or an address would return
        self._values: dict[int, int] = {}
        self._count = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        inputs = list(_tensors([*args, *kwargs.values()]))
        reads = tuple(dict.fromkeys(self._region(x) for x in inputs))
        result = func(*args, **kwargs)
        if not func.is_view and not name.startswith(("empty", "new_empty")):
            writes = tuple(self._written(y) for y in _tensors([result]) if y.numel())
            train = name == "native_batch_norm" and bool(args[5])
            pointwise = torch.Tag.pointwise in func.tags
            self.ops.append(Op(name, pointwise, reads, writes, train))
        return result

    def _region(self, x: Tensor) -> Region:
        storage = x.untyped_storage()
        address = storage._cdata
        if address not in self._storages:
            self._storages[address] = storage
            self._new_value(address)
        # A tensor that was expanded is read once; a part of a tensor is less than its storage.
        nbytes = min(x.numel() * x.element_size(), storage.nbytes())
        return Region(self._values[address], int(x.storage_offset()), x.numel(), nbytes)

    def _written(self, y: Tensor) -> Region:
        if (address := y.untyped_storage()._cdata) in self._storages:
            self._new_value(address)
        return self._region(y)

    def _new_value(self, address: int) -> None:
        self._values[address] = self._count
        self._count += 1


def trace(
    model: nn.Module, size: int, *, batch: int, dtype: torch.dtype, training: bool
) -> list[Op]:
    """Operations of a training step (forward, cross-entropy, backward) or of an inference.

    All parameters and floating-point buffers are taken as `dtype`; the input is [batch, 3, size,
    size]. The model itself is left as it is, and may lie on any device.
    """
    seen = Recorder()
    with mode_of(model, training=training), torch.set_grad_enabled(training), seen:
        logits = model_on_meta(model, dtype, batch, size)
        if training:
            target = torch.empty(batch, dtype=torch.long, device="meta")
            losses = [F.cross_entropy(z, target) for z in _tensors([logits])]
            torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
    return seen.ops


def model_on_meta(model: nn.Module, dtype: torch.dtype, batch: int, size: int) -> Any:
    """What the model gives for [batch, 3, size, size], computed in shapes only."""
    state: dict[str, Tensor] = {}
    for name, x in [*model.named_parameters(), *model.named_buffers()]:
        kind = dtype if x.is_floating_point() else x.dtype
        trained = isinstance(x, nn.Parameter) and x.requires_grad
        state[name] = torch.empty_like(x, device="meta", dtype=kind).requires_grad_(trained)
    images = torch.empty(batch, 3, size, size, device="meta", dtype=dtype)
    return functional_call(model, state, (images,))


@contextlib.contextmanager
def mode_of(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Within, the model is in training or evaluation mode; then as each of its parts was."""
    before = {module: module.training for module in model.modules()}
    model.train(training)
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
