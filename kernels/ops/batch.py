"""Carry out the operations on a batch of tensors, on the device that they are on."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fasttricks.kernels.ops import by_torch
from fasttricks.kernels.ops.apply import apply_rows, ops_bytes
from fasttricks.kernels.ops.space import source_map
from fasttricks.kernels.steps import STEP, Op

Ops = NDArray[Any]


def apply_ops_batch(pixels: torch.Tensor, ops: Ops) -> torch.Tensor:
    """Do to pictures what is drawn for them, in place; the same bytes on every device.

    On the CPU a nogil numba kernel in the calling thread; several threads may take parts of one
    batch. On other devices torch operations for all pictures that have the same step, queued
    without waiting for them.

    Args:
        pixels: uint8 [B, H, W, 3], C-contiguous; pictures after crop, resize and flip.
        ops: STEP [B, STEPS] on the host, of `plan_ops_batch`.

    Returns:
        `pixels`.

    Raises:
        ValueError: an argument is not as said here.
    """
    _check(pixels, ops)
    if pixels.numel() == 0:
        return pixels
    if pixels.device.type == "cpu":
        scratch = np.empty(ops_bytes(*pixels.shape[1:3]), np.uint8)
        apply_rows(pixels.numpy(), np.ascontiguousarray(ops), scratch)
    else:
        apply_by_torch(pixels, ops)
    return pixels


def apply_by_torch(pixels: torch.Tensor, ops: Ops) -> None:
    """The same by torch operations, on any device; arguments are not checked."""
    slots, rows = np.nonzero((np.cumprod(ops["op"] != Op.IDENTITY, axis=1) != 0).T)
    steps = ops[rows, slots]
    # Steps in the order of their slots; inside a slot, equal operations beside each other.
    order = np.lexsort((steps["op"], slots))
    slots, rows, steps = slots[order], rows[order], steps[order]
    if not len(steps):
        return
    numbers = _on_device(steps, pixels)
    where = torch.from_numpy(rows).to(pixels.device, non_blocking=True)
    changes = (np.diff(slots) != 0) | (np.diff(steps["op"]) != 0)
    ends = [0, *(np.flatnonzero(changes) + 1).tolist(), len(steps)]
    for begin, end in pairwise(ends):
        these = where[begin:end]
        done = by_torch.apply(
            Op(int(steps["op"][begin])), pixels[these], _part(numbers, begin, end)
        )
        pixels.index_copy_(0, these, done)


def _on_device(steps: Ops, pixels: torch.Tensor) -> by_torch.Numbers:
    """The numbers of m steps, copied at once."""
    height, width = pixels.shape[1:3]
    maps = [source_map(step["op"], step["amount"], height, width) for step in steps]
    plain = np.stack([steps[name] for name in ("amount", "second", "third")])
    amount, second, third = torch.from_numpy(plain).to(pixels.device, non_blocking=True)
    integers = torch.from_numpy(np.array(maps, np.int64).T.copy())
    return by_torch.Numbers(
        amount=amount[:, None, None, None],
        second=second[:, None, None, None],
        third=third[:, None, None, None],
        maps=integers.to(pixels.device, non_blocking=True)[:, :, None, None],
    )


def _part(numbers: by_torch.Numbers, begin: int, end: int) -> by_torch.Numbers:
    return by_torch.Numbers(
        amount=numbers.amount[begin:end],
        second=numbers.second[begin:end],
        third=numbers.third[begin:end],
        maps=numbers.maps[:, begin:end],
    )


def _check(pixels: torch.Tensor, ops: Ops) -> None:
    if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != torch.uint8:
        given = f"{pixels.dtype} {list(pixels.shape)}"
        raise ValueError(f"apply_ops_batch: pixels must be uint8 [B, H, W, 3]; got {given}")
    if not pixels.is_contiguous():
        raise ValueError(
            f"apply_ops_batch: pixels must be contiguous; got strides {pixels.stride()}"
        )
    if ops.dtype != STEP or ops.ndim != 2 or len(ops) != len(pixels):
        given = f"{ops.dtype} {list(ops.shape)}"
        raise ValueError(f"apply_ops_batch: ops must be STEP [{len(pixels)}, STEPS]; got {given}")
