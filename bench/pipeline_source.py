"""Batches from one of our own pipelines, for `fasttricks.bench.child`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Samples
from fasttricks.pipelines.registry import make_loader

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings


def batches(settings: Settings, facts: Facts) -> Iterator[torch.Tensor]:
    """Epoch after epoch of `make_loader`."""
    loader: Any = make_loader(
        settings["name"].partition(":")[0],
        settings["pack"] or _long_epoch(settings),
        batch_size=settings["batch_size"],
        train=settings["train"],
        size=settings["size"],
        device=settings["device"],
        dtype=getattr(torch, settings["dtype"]),
        work=settings["work"],
        num_threads=settings["threads"],
        cut=not settings["name"].endswith(":whole"),
    )
    facts["does"] = "the plan, whole"
    if hasattr(loader, "stages"):
        facts["stages"] = loader.stages
    with loader:
        for epoch in itertools.count():
            loader.set_epoch(epoch)
            for images, _ in loader:
                facts["compile_s"] = getattr(loader, "compile_seconds", 0.0)
                yield images


def _long_epoch(settings: Settings) -> Samples:
    """The set, listed so often that an epoch is long."""
    once = scan_folder(settings["root"], train=settings["train"])
    return once.repeat(settings["repeat"])
