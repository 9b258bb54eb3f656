"""Which pipeline to use, and where the loader becomes the limit: pure functions of the facts."""

from __future__ import annotations

from dataclasses import dataclass

from fasttricks.doctor.amounts import size
from fasttricks.doctor.facts import Data, Facts, Machine, Rate

ROOMY = 0.8
"""Share of free memory that a set may take, by an estimate from a sample."""
ROOMY_GPU = 0.5
"""The same of a GPU's memory, where model and activations live, too."""
CLEARLY = 1.15
"""How much faster is worth a conversion, or a pipeline with more needs: a brief measurement is off
by some percents."""
ABOUT = 1.05
"""How much faster than `roi` is still about as fast."""
_USUAL = ("roi", "dali", "torchvision")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What to use."""

    pipeline: str
    """"" where none can be used."""
    device: str = "cpu"
    """What `make_loader` is to be told."""
    why: str = ""
    rate: Rate | None = None
    """What was measured of it, if anything."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How fast one GPU (or one process without) can be fed at most."""

    images_per_s: float
    by: str
    """"decoding", or "disk"."""


def keeps_in(facts: Facts) -> str:
    """Where all decoded pictures fit: "cuda", "cpu" (shared memory), or "" for nowhere."""
    machine, data = facts.machine, facts.data
    if data is None or data.kind == "beton" or not data.decoded_bytes:
        return ""
    if data.decoded_bytes > ROOMY * machine.shared_bytes:  # host memory is needed in either case
        return ""
    if not machine.torch_sees_gpu:
        return "cpu"
    smallest = min(gpu.memory_bytes for gpu in machine.gpus)
    return "cuda" if data.decoded_bytes <= ROOMY_GPU * smallest else "cpu"


def choose(facts: Facts) -> Choice:
    """The pipeline for this machine and these pictures.

    What was measured decides. `ffcv` is only chosen for what it reads as it is, and one that is
    barely faster than `roi` is not, for `roi` needs the least of its surroundings.
    """
    machine, data = facts.machine, facts.data
    if data is not None and data.kind == "beton":
        return _chosen(facts, "ffcv", "it is the one that reads a .beton")
    home = keeps_in(facts)
    if home and data is not None and not machine.lacks("resident"):
        best = max((rate.images_per_s for rate in facts.rates), default=0.0)
        rate = facts.rate("resident")
        if rate is None or rate.images_per_s * CLEARLY >= best:
            return _chosen(facts, "resident", _why_resident(data, home, machine), home)
    names = [*_USUAL, "ffcv"] if data is not None and data.kind == "pack" else list(_USUAL)
    measured = [rate for rate in facts.rates if rate.pipeline in names]
    if measured:
        return _fastest(facts, measured)
    return _unmeasured(facts, names)


def limit(facts: Facts, choice: Choice) -> Limit | None:
    """How fast a GPU may be before it waits; None if nothing was measured."""
    if choice.rate is None:
        return None
    fed, data = choice.rate.images_per_s, facts.data
    if data is not None and choice.pipeline != "resident" and not stays_cached(facts):
        disk = data.disk.files_per_s
        if disk is not None and disk < fed * facts.machine.processes:
            return Limit(images_per_s=disk / facts.machine.processes, by="disk")
    return Limit(images_per_s=fed, by="decoding")


def stays_cached(facts: Facts) -> bool:
    """Whether the encoded pictures stay in memory once they were read."""
    data = facts.data
    return data is not None and (
        data.disk.in_memory or data.total_bytes <= ROOMY * facts.machine.free_bytes
    )


def _chosen(facts: Facts, pipeline: str, why: str, device: str = "") -> Choice:
    if facts.machine.lacks(pipeline):
        return Choice(pipeline="")
    device = device or facts.machine.device
    return Choice(pipeline=pipeline, device=device, why=why, rate=facts.rate(pipeline))


def _why_resident(data: Data, home: str, machine: Machine) -> str:
    room = "the GPU's memory" if home == "cuda" else f"{size(machine.shared_bytes)} of free memory"
    return (
        f"all pictures decoded are about {size(data.decoded_bytes)} and fit in {room}, so each is "
        "decoded once and never again"
    )


def _fastest(facts: Facts, measured: list[Rate]) -> Choice:
    best, *others = sorted(measured, key=lambda rate: -rate.images_per_s)
    ours = facts.rate("roi")
    if ours is not None and ours is not best and ours.images_per_s * ABOUT >= best.images_per_s:
        return _chosen(facts, "roi", f"it is as fast as {best.pipeline} here and needs less")
    if not others:
        return _chosen(facts, best.pipeline, "it is the only one that was measured")
    ratio = best.images_per_s / others[0].images_per_s
    why = f"it was the fastest here, {ratio:.2f} times {others[0].pipeline}"
    return _chosen(facts, best.pipeline, why)


def _unmeasured(facts: Facts, names: list[str]) -> Choice:
    """By what is known of the pipelines in general."""
    machine = facts.machine
    names = [name for name in names if not machine.lacks(name)]
    if not names:
        return Choice(pipeline="")
    engine = [gpu.name for gpu in machine.gpus if gpu.jpeg_engine]
    if "dali" in names and engine and machine.torch_sees_gpu:
        return _chosen(facts, "dali", f"the JPEG engine of {engine[0]} decodes beside the cores")
    usual = {
        "roi": "it decodes only the crop, in threads, and needs the least",
        "dali": "it is the fastest of those installed, as a rule",
    }
    return _chosen(facts, names[0], usual.get(names[0], "nothing faster is installed"))
