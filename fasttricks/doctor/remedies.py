"""What is wrong, what would help and what is missing: pure functions of the facts."""

from __future__ import annotations

import enum
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fasttricks.doctor.amounts import count, number, share, size
from fasttricks.doctor.choice import CLEARLY, Choice, keeps_in, stays_cached
from fasttricks.doctor.facts import Data, Facts, Machine, Version

FEW_CORES = 4
"""Cores per GPU below which decoding on the CPU rarely keeps up with training in half precision."""
MANY = 0.1
"""Share of the pictures from which on a remedy for them is worth it."""
LARGE_SIDE = 800
"""Median of the shorter sides, pixels, from which on most of what is decoded for 224 is thrown
away."""
SLOW_LISTING_S = 20.0
_BATCH_BYTES = 256 * 224 * 224 * 3  # of which each worker has two ahead

_SIMD = (
    "pip uninstall -y pillow && "
    "pip install --no-deps --force-reinstall --no-binary pillow-simd pillow-simd"
)


class Topic(enum.Enum):
    """What a piece of advice is about, in the order in which it is given."""

    PROBLEM = "problem"
    PIPELINE = "pipeline"
    THREADS = "threads"
    INDEX = "index and pack"
    LIMIT = "limit"
    HELPS = "helps most"
    ALSO = "helps, too"
    MISSING = "missing"
    NOTE = "note"
    NEXT = "next"


@dataclass(frozen=True)
class Advice:
    """One sentence or two, and the command that does what they say."""

    topic: Topic
    text: str
    command: str = ""


def problems(facts: Facts) -> Iterator[Advice]:
    """What makes training go wrong, or not go at all."""
    yield from cuda_problems(facts.machine)
    data = facts.data
    if data is None:
        return
    for text in data.problems:
        yield Advice(Topic.PROBLEM, f"{text}.")
    if data.bad:
        text = f"{data.bad:,} of {data.sampled:,} sampled pictures cannot be decoded."
        yield Advice(Topic.PROBLEM, text, f"fasttricks doctor {quoted(data)} --scan")


def cuda_problems(machine: Machine) -> Iterator[Advice]:
    """Driver against the CUDA that torch and DALI were built for.

    A driver runs all builds of its own major version and of older ones (CUDA's minor version
    compatibility), none of a newer one.
    """
    if not machine.gpus:
        return
    gpus, driver = count(len(machine.gpus), "GPU"), machine.driver_cuda
    reaches = f"the driver {machine.driver} runs CUDA up to {dotted(driver)}" if driver else ""
    if machine.torch_cuda is None:
        text = f"There are {gpus}, and torch is a build without CUDA, which uses none of them."
        yield Advice(Topic.PROBLEM, text, _torch_for(driver))
    elif driver and machine.torch_cuda[0] > driver[0]:
        text = f"torch was built for CUDA {dotted(machine.torch_cuda)} and {reaches}: torch sees "
        yield Advice(Topic.PROBLEM, text + "no GPU. Update the driver, or:", _torch_for(driver))
    elif not machine.torch_sees_gpu:
        text = (
            f"nvidia-smi lists {gpus} and torch sees none: look at CUDA_VISIBLE_DEVICES, and "
            "whether the container was started with its GPUs."
        )
        yield Advice(Topic.PROBLEM, text)
    if driver and machine.dali_cuda and machine.dali_cuda[0] > driver[0]:
        text = f"DALI was built for CUDA {dotted(machine.dali_cuda)} and {reaches}"
        text += ": update the driver" + (", or:" if driver[0] == 12 else ".")
        old = f"nvidia-dali-cuda{machine.dali_cuda[0]}{machine.dali_cuda[1]}"
        command = f"pip uninstall -y {old} && pip install 'fasttricks[dali-cuda12]'"
        yield Advice(Topic.PROBLEM, text, command if driver[0] == 12 else "")


def helpful(facts: Facts, choice: Choice) -> list[Advice]:
    """What would make loading faster, the most effective first."""
    found = [*_slow_disk(facts, choice), *_uncuttable(facts, choice), *_few_cores(facts, choice)]
    found += [*_large(facts, choice), *_packed_for_ffcv(facts, choice), *_pillow(facts, choice)]
    if not found:
        what = "a GPU with a JPEG engine, or more cores," if facts.machine.gpus else "more cores"
        text = f"Nothing stands out: decoding is the work, and {what} would do it faster."
        if choice.pipeline == "resident":
            text = "Nothing: the pictures are decoded once, and what is left is little work."
        found = [Advice(Topic.HELPS, text)]
    return [found[0], *(replace(one, topic=Topic.ALSO) for one in found[1:])]


def shared_memory(machine: Machine) -> Iterator[Advice]:
    """Whether workers of torchvision can hand over batches of 256 pictures of 224 pixels."""
    each = _BATCH_BYTES if machine.device == "cuda" else 4 * _BATCH_BYTES  # float32 if not there
    need = machine.processes * machine.threads * 2 * each
    if machine.shm_bytes is None or machine.shm_bytes >= need:
        return
    text = (
        f"/dev/shm has {size(machine.shm_bytes)} free. Workers of torchvision hand batches over in "
        f"it, and {count(machine.processes * machine.threads, 'worker')} with batches of 256 may "
        f"need {size(need)}: start the container with --shm-size={-(-need // 10**9)}g, or take "
        "fewer workers, or another pipeline."
    )
    yield Advice(Topic.NOTE, text)


def missing(machine: Machine) -> Iterator[Advice]:
    """What is not installed, with the command that installs it."""
    for name, reason in machine.pipelines.items():
        what, _, command = reason.partition(": ")
        if not what:
            continue
        if name == "dali" and machine.driver_cuda and machine.driver_cuda[0] == 12:
            command = "pip install 'fasttricks[dali-cuda12]'"
        yield Advice(Topic.MISSING, f"Pipeline {name}: {what}.", command)
    if not machine.simd:
        text = "PIL is Pillow; pillow-simd resizes faster, for the pipeline torchvision."
        yield Advice(Topic.MISSING, text, _SIMD)


def quoted(data: Data) -> str:
    """The data set's path as a shell takes it."""
    return shlex.quote(data.name)


def dotted(version: Version | None) -> str:
    """ "13.0"."""
    return "unknown" if version is None else f"{version[0]}.{version[1]}"


def _torch_for(driver: Version | None) -> str:
    """The command for a torch that the driver can run; "" if only a newer driver will do."""
    if driver is None or driver[0] < 12:
        return ""
    build = "cu126" if driver[0] == 12 else "cu130"
    url = f"https://download.pytorch.org/whl/{build}"
    return f"pip install --force-reinstall torch torchvision --index-url {url}"


def _slow_disk(facts: Facts, choice: Choice) -> Iterator[Advice]:
    data = facts.data
    if data is None or choice.pipeline == "resident":
        return
    disk, pack = data.disk, f"fasttricks pack {quoted(data)} DST"
    need = choice.rate.images_per_s * facts.machine.processes if choice.rate else 0.0
    if disk.files_per_s is not None and disk.files_per_s < need:
        text = (
            f"The disk: {number(disk.files_per_s)} pictures a second come from "
            f"{disk.file_system or 'it'}, where {number(need)} could be decoded."
        )
        if stays_cached(facts):
            text += " All of them fit in memory, so this is so in the first epoch only."
        elif data.kind == "folder":
            text += " A pack is read in few large pieces; a local disk or more memory helps, too."
        else:
            text += " A copy on a local disk, or memory to keep all of it, would help."
        packs = data.kind == "folder" and not stays_cached(facts)
        yield Advice(Topic.HELPS, text, pack if packs else "")
    elif data.kind == "folder" and (disk.network or data.listing_s > SLOW_LISTING_S):
        where = f"a network file system ({disk.file_system})" if disk.network else "a slow one"
        text = (
            f"A pack: {data.pictures:,} small files are on {where}, where opening each costs more "
            "than reading it."
        )
        yield Advice(Topic.HELPS, text, pack)


def _uncuttable(facts: Facts, choice: Choice) -> Iterator[Advice]:
    data = facts.data
    if data is None or data.kind == "beton" or choice.pipeline == "resident":
        return
    if data.share(data.progressive) >= MANY:
        text = (
            f"{share(data.share(data.progressive))} of the JPEGs are progressive, which cannot be "
            "cut and decode slowly. A pack with --baseline holds the same pixels as baseline JPEGs."
        )
        yield Advice(Topic.HELPS, text, f"fasttricks pack {quoted(data)} DST --baseline")


def _few_cores(facts: Facts, choice: Choice) -> Iterator[Advice]:
    machine = facts.machine
    if not machine.gpus or machine.usable_cores >= FEW_CORES * len(machine.gpus):
        return
    text = (
        f"Cores: there are {count(machine.usable_cores, 'core')} for "
        f"{count(len(machine.gpus), 'GPU')}, and decoding on them will hardly keep up."
    )
    if choice.pipeline == "dali" and choice.device == "cuda":
        text += " dali on the GPU takes what it can off them."
    elif any(gpu.jpeg_engine for gpu in machine.gpus) and choice.pipeline != "resident":
        text += ' The GPUs have a JPEG engine: make_loader("dali", ..., device="cuda") uses it.'
    elif choice.pipeline == "resident" or keeps_in(facts):
        text += " With resident they only crop, which is little work."
    elif facts.data is not None:
        text += (
            " Ask for more cores, or make a pack of smaller pictures, whose decoded pixels fit in "
            "memory (resident) or decode faster."
        )
    yield Advice(Topic.HELPS, text)


def _large(facts: Facts, choice: Choice) -> Iterator[Advice]:
    data = facts.data
    if data is None or data.kind == "beton" or data.side_middle < LARGE_SIDE:
        return
    if choice.pipeline == "resident":
        return
    text = (
        f"Smaller pictures: half of them have more than {data.side_middle:,} pixels on their "
        "shorter side. A pack of smaller ones decodes in a fraction of the time, with other pixels."
    )
    yield Advice(Topic.HELPS, text, f"fasttricks pack {quoted(data)} DST --max-size 512")


def _packed_for_ffcv(facts: Facts, choice: Choice) -> Iterator[Advice]:
    """FFCV does not read a folder: it was measured from a .beton of the sample."""
    data, ffcv = facts.data, facts.rate("ffcv")
    if data is None or data.kind != "folder" or ffcv is None or choice.rate is None:
        return
    ratio = ffcv.images_per_s / choice.rate.images_per_s
    if ratio >= CLEARLY and choice.pipeline != "resident":
        text = f"ffcv was {ratio:.2f} times as fast, from a .beton with the same files in it."
        yield Advice(Topic.HELPS, text, f"fasttricks pack {quoted(data)} DST.beton")


def _pillow(facts: Facts, choice: Choice) -> Iterator[Advice]:
    if choice.pipeline == "torchvision" and not facts.machine.simd:
        text = "pillow-simd: PIL decodes and resizes everything here, and is the plain Pillow."
        yield Advice(Topic.HELPS, text, _SIMD)
        if reason := facts.machine.lacks("roi"):
            what, _, command = reason.partition(": ")
            text = f"roi, which decodes only the crop, cannot be used: {what}."
            yield Advice(Topic.HELPS, text, command)
