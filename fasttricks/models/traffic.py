"""The byte model: how much memory a training step or an inference must read and write.

Mixed precision on a GPU is bound by memory for nearly all that is not a convolution of many
channels, so a step is judged by bytes moved rather than by multiply-accumulates.

Eager. Each operation reads its inputs and writes its outputs, once each, except
- batch norm in training, which reads its input twice: for the statistics, then to normalise; its
  backward reads input and gradient twice each, for the two sums, then for the gradient;
- the backward of a convolution, which is two kernels that both read the gradient (one where no
  gradient of the input is wanted).
The backward of a pooling is given the input, and reads only gradient and indices. Views and
allocations cost nothing; an operation in place reads and writes.

Compiled. Convolutions, matrix products, poolings and softmax are kernels as above. A batch norm is
a reduction to statistics and a pointwise formula. Pointwise operations are written to memory only
if a kernel of the first kind reads them, or if reading what they are made from in each of their
readers moved more bytes; the first reader that needs nothing later is computed in the same kernel.
What a kernel reads, it reads once. Indices of max pooling take a byte, and eight in eager mode.

Neither counts caches (a lower level is a bonus), the optimiser, casts of the weights under
autocast, or the work space of a convolution.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from fasttricks.models.trace import Op, Region, trace

POINTWISE = frozenset(
    ("cat", "clone", "copy", "_to_copy", "upsample_nearest2d", "reflection_pad2d")
)
"""Operations that compilers fuse as they do pointwise ones, though torch does not tag them so."""
REDUCTIONS = frozenset(("mean", "sum", "amax", "var_mean"))
POOL_INDICES = 8
"""Bytes of an index of max pooling in eager mode; compiled it is one: the place in the window."""


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Bytes that a step moves between memory and processor."""

    nbytes: int
    batch: int

    @property
    def per_image(self) -> float:
        """Bytes, with an image's share of reading the weights and writing their gradients."""
        return self.nbytes / self.batch


def traffic(
    model: nn.Module,
    size: int,
    dtype: torch.dtype = torch.bfloat16,
    *,
    training: bool = True,
    compiled: bool = False,
    batch: int = 256,
) -> Traffic:
    """Bytes of a training step (forward, cross-entropy, backward) or of an inference.

    Args:
        model: takes [batch, 3, size, size] and gives logits; left as it is; any device.
        size: side of the input in pixels.
        dtype: of activations, weights and gradients.
        training: a training step; else a forward in evaluation mode.
        compiled: with pointwise work fused, as `torch.compile` does; else operation by operation.
        batch: images; nothing is computed, so any number is as quick.

    ResNet-50 as torchvision builds it, 224 px, bfloat16: tests/models/test_traffic.py recomputes
    both numbers from the sizes of its layers, and docs/models.md shows how.
    """
    ops = trace(model, size, batch=batch, dtype=dtype, training=training)
    return Traffic(nbytes=fused_bytes(ops) if compiled else eager_bytes(ops), batch=batch)


def eager_bytes(ops: Iterable[Op]) -> int:
    """Operation by operation."""
    return sum(_reads(op) + sum(y.nbytes for y in op.writes) for op in ops)


def _reads(op: Op) -> int:
    """Bytes that an operation reads, what it reads twice counted twice."""
    if "pool2d" in op.name and op.name.endswith("backward"):
        gradient, _, *indices = op.reads
        return sum(x.nbytes for x in (gradient, *indices))
    twice: tuple[Region, ...] = ()
    if op.name == "native_batch_norm" and op.train:
        twice = op.reads[:1]
    elif op.name == "native_batch_norm_backward":
        twice = op.reads[:2]
    elif op.name == "convolution_backward" and _gives_input_gradient(op):
        twice = op.reads[:1]
    return sum(x.nbytes for x in op.reads + twice)


def _gives_input_gradient(op: Op) -> bool:
    images = op.reads[1]
    return any(y.elements == images.elements for y in op.writes[:1])


@dataclass
class _Node:
    """A piece of work of the compiled program."""

    kind: str
    """kernel: by itself; map: pointwise; reduce: pointwise, then summed up."""
    reads: tuple[Region, ...]
    writes: tuple[Region, ...]
    read_bytes: int


def _nodes(ops: Iterable[Op]) -> list[_Node]:
    """Operations, batch norms taken apart."""
    nodes = []
    for op in ops:
        if op.name.startswith("native_batch_norm"):
            result, *statistics = op.writes
            small = tuple(statistics)
            if op.train or op.name.endswith("backward"):
                nodes.append(_Node("reduce", op.reads, small, 0))
            nodes.append(_Node("map", op.reads + small, (result,), 0))
        elif op.pointwise or op.name.rstrip("_") in POINTWISE:
            nodes.append(_Node("map", op.reads, op.writes, 0))
        elif op.name in REDUCTIONS:
            nodes.append(_Node("reduce", op.reads, op.writes, 0))
        elif op.name.startswith("max_pool2d"):
            nodes.append(_small_indices(op))
        else:
            nodes.append(_Node("kernel", op.reads, op.writes, _reads(op)))
    return nodes


def _small_indices(op: Op) -> _Node:
    def shrunk(regions: Sequence[Region]) -> tuple[Region, ...]:
        return tuple(
            Region(x.value, x.offset, x.elements, x.elements)
            if x.nbytes == POOL_INDICES * x.elements
            else x
            for x in regions
        )

    small = replace(op, reads=shrunk(op.reads), writes=shrunk(op.writes))
    return _Node("kernel", small.reads, small.writes, _reads(small))


@dataclass
class _Kernel:
    """Pointwise work and reductions in one pass."""

    born: int
    """When it can run: number of its first node."""
    reads: set[Region] = field(default_factory=set)
    writes: set[Region] = field(default_factory=set)
    maps: set[int] = field(default_factory=set)
    """Values that a later piece of the same pass can use: those of its own element."""

    @property
    def nbytes(self) -> int:
        made = {y.value for y in self.writes}
        reads = sum(x.nbytes for x in self.reads if x.value not in made)
        return reads + sum(y.nbytes for y in self.writes)


def fused_bytes(ops: Iterable[Op]) -> int:
    """With pointwise work fused into as few passes as move the fewest bytes."""
    nodes = _nodes(ops)
    readers: dict[int, list[_Node]] = defaultdict(list)
    for node in nodes:
        for x in node.reads:
            readers[x.value].append(node)
    total = 0
    born: dict[int, int] = {}
    made_of: dict[int, frozenset[Region]] = {}  # of values that are never written to memory
    kernels: dict[int, _Kernel] = {}
    for number, node in enumerate(nodes):
        born |= {y.value: number for y in node.writes}
        if node.kind == "kernel":
            total += node.read_bytes + sum(y.nbytes for y in node.writes)
            continue
        reads = frozenset().union(*(made_of.get(x.value, {x}) for x in node.reads))
        if node.kind == "map" and not _stored(node, reads, readers[node.writes[0].value]):
            made_of[node.writes[0].value] = reads
            continue
        kernel = _home(reads, kernels, born) or _Kernel(born=number)
        kernel.reads |= reads
        kernel.writes |= set(node.writes)
        for y in node.writes:
            kernels[y.value] = kernel
        if node.kind == "map":
            kernel.maps.add(node.writes[0].value)
    return total + sum(kernel.nbytes for kernel in {id(k): k for k in kernels.values()}.values())


def _stored(node: _Node, reads: frozenset[Region], readers: Sequence[_Node]) -> bool:
    """Whether a pointwise result is written to memory."""
    if not readers or any(reader.kind == "kernel" for reader in readers):
        return True
    again = sum(x.nbytes for x in reads)
    itself = node.writes[0].nbytes
    return len(readers) * again > again + len(readers) * itself


def _home(
    reads: frozenset[Region], kernels: dict[int, _Kernel], born: dict[int, int]
) -> _Kernel | None:
    """The pass that makes one of `reads`, if it can be extended: all others are there by then."""
    for x in reads:
        kernel = kernels.get(x.value)
        if kernel is not None and all(
            y.value in kernel.maps or born.get(y.value, -1) < kernel.born for y in reads
        ):
            return kernel
    return None
