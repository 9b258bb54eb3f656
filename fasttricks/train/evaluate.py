"""Evaluation: every sample exactly once, at any number of processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from fasttricks.models.trace import mode_of
from fasttricks.pipelines.loader import Loader
from fasttricks.precision import Precision
from fasttricks.tricks.mixed_precision import MixedPrecision


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Of a whole validation set."""

    top1: float
    """Share of samples whose largest logit is that of their label, 0 to 1."""
    top5: float
    """Share whose label is among the five largest logits (all of them where there are fewer)."""
    loss: float
    """Mean cross-entropy with the hard labels, in nats, without smoothing."""
    classes: int
    """How many the model tells apart."""
    count: int
    """Samples, each counted once over all processes."""
    size: int
    """Side of the pictures in pixels."""
    seconds: float
    """Wall time of the pass, loading included."""
    images_per_s: float
    """Samples per second over all processes, loading included. The first batch, in which kernels
    are compiled, is left out where there are others."""

    def __str__(self) -> str:
        top5 = f", top-5 {100 * self.top5:.2f} %" if self.classes > 5 else ""  # else all are
        return (
            f"top-1 {100 * self.top1:.2f} %{top5}, loss {self.loss:.4f} on {self.count} pictures "
            f"at {self.size} px"
        )


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Any]],
    *,
    size: int,
    dtype: Precision = "float32",
    flip: bool = False,
    relabel: Tensor | None = None,
) -> Metrics:
    """Run a model over a validation set; in a process group, over each one's part of it.

    The model is put into evaluation mode and back. Nothing is read from the device before the end,
    so it never waits. Empty batches, which keep the processes of a group in step, are skipped.

    Args:
        model: images to logits [B, K]; the bare module, not its DDP wrapper, for no gradients flow.
        batches: (images [B, 3, H, W], labels int64 [B]) on the model's device, as `make_loader`
            gives them with `train=False`.
        size: side of the pictures in pixels; for the report only.
        dtype: "float32", or "bfloat16" or "float16" for autocast; softmax is float32 in any case.
        flip: test-time augmentation: the mean of the logits of each picture and its mirror image.
        relabel: int64, which logit is that of each label, as `label_map` has it; None: the label.

    Raises:
        ValueError: there is no sample at all, or `dtype` is unknown.
    """
    device = device_of(model)
    autocast = MixedPrecision(dtype, device.type).autocast
    relabel = None if relabel is None else relabel.to(device)
    totals = torch.zeros(6, dtype=torch.float64, device=device)  # what `_count` gives, and timed
    began = time.perf_counter()
    since: float | None = None  # the end of the first batch
    with mode_of(model, training=False):
        for images, labels in batches:
            if not len(images):
                continue
            labels = labels if relabel is None else relabel[labels]
            totals[:5] += _count(_logits(model, images, autocast, flip), labels)
            if since is None:
                since = time.perf_counter()
            else:
                totals[5] += len(images)
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(totals)
    top1, top5, loss, count, logits, timed = totals.tolist()
    ended = time.perf_counter()
    if not count:
        raise ValueError("there is nothing to evaluate: no batch had a sample")
    return Metrics(
        top1=top1 / count,
        top5=top5 / count,
        loss=loss / count,
        classes=round(logits / count),
        count=round(count),
        size=size,
        seconds=ended - began,
        images_per_s=timed / (ended - (since or began)) if timed else count / (ended - began),
    )


def counted_once(loader: Loader) -> Iterator[tuple[Tensor, Any]]:
    """The batches of an evaluation loader, without the rows that stand in for bad pictures.

    With `on_error="replace"` such a row shows another picture of the set, which would count twice.
    """
    known = len(loader.errors)
    for step, (images, labels) in enumerate(loader):
        bad = [replaced.index for replaced in loader.errors[known:]]
        known += len(bad)
        if bad:
            good = torch.from_numpy(~np.isin(loader.indices(0, step), bad)).to(images.device)
            images = images[good].contiguous(memory_format=torch.channels_last)
            labels = labels[good]
        yield images, labels


@torch.inference_mode()
def throughput(
    model: nn.Module,
    size: int,
    *,
    batch_size: int = 64,
    dtype: Precision = "float32",
    seconds: float = 3.0,
) -> float:
    """Images per second of inference on pictures that are on the device already.

    "Assembled CNN" quotes this number at batch 64 in float32 on one P40 (its Table 1). It runs for
    `seconds / 2` to warm up, and is then timed for `seconds`.
    """
    device = device_of(model)
    autocast = MixedPrecision(dtype, device.type).autocast
    images = torch.rand(batch_size, 3, size, size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    with mode_of(model, training=False):
        for limit in (seconds / 2, seconds):
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < limit:
                _logits(model, images, autocast, False)
                if device.type == "cuda":
                    torch.cuda.synchronize(device)
                done += batch_size
            rate = done / (time.perf_counter() - began)
    return rate


def _logits(
    model: nn.Module, images: Tensor, autocast: Callable[[], torch.autocast], flip: bool
) -> Tensor:
    """Float32 [B, K]."""
    with autocast():
        logits = model(images).float()
        if flip:
            logits = (logits + model(images.flip(-1)).float()) / 2
    return cast(Tensor, logits)


def _count(logits: Tensor, labels: Tensor) -> Tensor:
    """Float64 [5]: right at once, right among five, summed loss, samples, logits of them all.

    A NaN logit is never right: `topk` calls NaN the largest, so those rows are taken out.
    """
    found = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
    found &= ~logits.isnan().any(dim=1, keepdim=True)
    loss = F.cross_entropy(logits, labels, reduction="sum")
    count = torch.full_like(loss, len(labels))
    numbers = torch.full_like(loss, logits.numel())
    return torch.stack([found[:, 0].sum(), found.sum(), loss, count, numbers]).double()


def device_of(model: nn.Module) -> torch.device:
    """Where a model's weights are; the CPU for one that has none."""
    return next((p.device for p in model.parameters()), torch.device("cpu"))
