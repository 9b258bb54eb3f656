"""A diagnosis on a terminal: the facts in a few lines, then the answer in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import starmap

from rich.text import Text

from fasttricks.doctor.amounts import count, number, share, size
from fasttricks.doctor.diagnosis import Diagnosis
from fasttricks.doctor.facts import Data, Disk, Facts, Gpu, Machine
from fasttricks.doctor.remedies import Advice, Topic, dotted
from fasttricks.doctor.terminal import TITLE, field, heading, printable, show_lines

_STYLES = {Topic.PROBLEM: "red", Topic.PIPELINE: "green", Topic.HELPS: "yellow"}
_ENGINE = {True: "with a JPEG engine", False: "without a JPEG engine", None: "JPEG engine unknown"}
_PACKAGES = (
    *("python", "fasttricks", "torch", "torchvision", "numba"),
    *("nvidia-dali-cuda130", "nvidia-dali-cuda120", "ffcv", "PIL"),
)


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """Print facts and answer on stdout."""
    show_lines(_lines(diagnosis))


def _lines(diagnosis: Diagnosis) -> Iterator[Text]:
    facts = diagnosis.facts
    yield heading("machine")
    yield from starmap(field, _machine(facts.machine))
    if facts.data is not None:
        yield heading(printable(facts.data.name))
        yield from starmap(field, _data(facts.data))
    if facts.rates or facts.left_out:
        yield heading("measured, briefly")
        yield from starmap(field, _measured(facts))
    yield heading("answer")
    before = None
    for advice in diagnosis.answer:
        yield from _advice(advice, repeated=advice.topic is before)
        before = advice.topic
    yield Text(f"({diagnosis.seconds:.0f} s)", "dim")


def _machine(machine: Machine) -> Iterator[tuple[str, str]]:
    usable = f"{machine.usable_cores} of {count(machine.cores, 'core')}"
    yield "processor", f"{machine.cpu}, {usable} usable"
    memory = f"{size(machine.memory_bytes)}, {size(machine.free_bytes)} free"
    yield "memory", f"{memory}, {size(machine.shared_bytes)} to share"
    for gpu in machine.gpus:
        yield "GPU", _gpu(gpu)
    if not machine.gpus:
        yield "GPU", "none"
    else:
        told = f"{machine.driver or 'unknown'}, CUDA up to {dotted(machine.driver_cuda)}"
        yield "driver", told
        cuda = f"for CUDA {dotted(machine.torch_cuda)}" if machine.torch_cuda else "without CUDA"
        dali = f", DALI for CUDA {dotted(machine.dali_cuda)}" if machine.dali_cuda else ""
        yield "builds", f"torch {cuda}{dali}"
    found = machine.versions
    installed = [name for name in _PACKAGES if name in found]
    named = (found[name] if name == "PIL" else f"{name} {found[name]}" for name in installed)
    yield "versions", ", ".join(named)


def _gpu(gpu: Gpu) -> str:
    capability = f", compute capability {dotted(gpu.capability)}" if gpu.capability else ""
    return f"{gpu.name}, {size(gpu.memory_bytes)}{capability}, {_ENGINE[gpu.jpeg_engine]}"


def _data(data: Data) -> Iterator[tuple[str, str]]:
    of = {"folder": "files", "pack": "in tar shards", "beton": "in a .beton"}[data.kind]
    val = "" if data.validation is None else f"; {data.validation:,} in val"
    yield "pictures", f"{data.pictures:,} {of}, {data.classes:,} classes{val}"
    middle = f"{size(data.bytes_low)} to {size(data.bytes_high)} each, median "
    total = f"{size(data.bytes_middle)}, about {size(data.total_bytes)} in all"
    yield "sizes", f"{middle}{total} (10th to 90th percentile of {data.sampled:,} sampled)"
    decoded = f"about {size(data.decoded_bytes)} decoded"
    yield "pixels", f"{data.pixels_mean / 1e6:.2f} million each, {decoded}"
    kinds = f"{data.cuttable:,} of {data.sampled:,} can be cut"
    for name in ("progressive", "odd", "bad"):
        if found := getattr(data, name):
            kinds += f", {found:,} {name}"
    yield "JPEGs", kinds
    yield "seek index", data.index + (f" ({data.index_path})" if data.index != "none" else "")
    yield "disk", _disk(data.disk)


def _disk(disk: Disk) -> str:
    kind = (disk.file_system or "unknown") + (", over a network" if disk.network else "")
    memory = "unknown" if disk.cached is None else share(disk.cached)
    told = f"{kind}; share of the sample in the page cache: {memory}; "
    if disk.files_per_s is None or disk.bytes_per_s is None:
        return f"{told}read rate not measured: {disk.why_not}"
    rate = f"{size(disk.bytes_per_s)}/s, {number(disk.files_per_s)} pictures/s"
    return f"{told}reads {rate} from {disk.files:,} pictures that were not in it"


def _measured(facts: Facts) -> Iterator[tuple[str, str]]:
    for rate in sorted(facts.rates, key=lambda rate: -rate.images_per_s):
        cost = f"{rate.cpu_s_per_1000:.2f} CPU seconds per 1000"
        where = f"{count(rate.threads, 'thread')}, to {rate.device}"
        yield rate.pipeline, f"{number(rate.images_per_s)} images/s, {cost} ({where})"
    for name, why in facts.left_out.items():
        yield name, f"not measured: {printable(why)}"


def _advice(advice: Advice, *, repeated: bool) -> Iterator[Text]:
    style = _STYLES.get(advice.topic, "")
    title = "" if repeated else advice.topic.value
    yield field(title, printable(advice.text), style, title_style=style or "cyan")
    if advice.command:
        yield Text.assemble(" " * (TITLE + 4), (printable(advice.command), "bold"))
