"""Batches from one of our own pipelines, for `fasttricks.bench.child`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from fasttricks.bench.variants import does, options_of, pipeline_of
from fasttricks.data.open import open_data
from fasttricks.data.samples import Samples
from fasttricks.pipelines.registry import make_loader

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings


def batches(settings: Settings, facts: Facts) -> Iterator[torch.Tensor]:
    """Epoch after epoch of `make_loader`."""
    began = time.monotonic()
    loader = make_loader(
        pipeline_of(settings["name"]),
        _data(settings),
        batch_size=settings["batch_size"],
        train=settings["train"],
        size=settings["size"],
        device=settings["device"],
        dtype=getattr(torch, settings["dtype"]),
        work=settings["work"],
        num_threads=settings["threads"],
        **options_of(settings["name"], settings["batch_size"]),
    )
    facts["open_s"] = time.monotonic() - began
    facts["kept_mb"] = loader.bytes / 1e6
    facts["does"] = "the plan, whole" + does(settings["name"])
    if loader.decoder:
        facts["versions"] = {"JPEG decoder of roi": loader.decoder}
    facts["stages"] = loader.stages
    with loader:
        for epoch in itertools.count():
            loader.set_epoch(epoch)
            for images, _ in loader:
                facts["compile_s"] = loader.compile_seconds
                facts["uncut"] = {why: loader.stats[why] for why in ("stale", "damaged")}
                facts["samples"] = loader.stats["samples"]
                yield images


def _data(settings: Settings) -> Samples | str:
    if settings["pack"]:
        return settings["pack"]
    if pipeline_of(settings["name"]) == "ffcv":
        return settings["root"]  # tar shards, which FFCV cannot be given several times over
    return open_data(settings["root"], train=settings["train"]).repeat(settings["repeat"])
