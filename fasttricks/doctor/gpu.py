"""The GPUs of a machine, their JPEG engine, and which CUDA the driver and the libraries have.

What torch sees counts, for it respects CUDA_VISIBLE_DEVICES; where it sees nothing, nvidia-smi may
still, and then it is worth knowing why.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
import warnings
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fasttricks.bench.machine import nvidia_smi
from fasttricks.doctor.facts import Gpu, Version

# GA100 (A100, A30), GH100 (H100, H200), GB100 and GB300 (B200, B300), Thor: what nvJPEG's
# NVJPEG_BACKEND_HARDWARE runs on. Of Ada (8.9) only some have it, and the capability does not tell.
_WITH_ENGINE = frozenset({(8, 0), (9, 0), (10, 0), (10, 3), (11, 0)})
_WITHOUT_ENGINE = frozenset({(8, 6)})
_NAMED_ENGINE = re.compile(r"\b(A100|A30|A800|H100|H200|H20|H800|GH200|B200|GB200|B300|L4)\b")
_FIRST_WITH = (8, 0)
SMI_FIELDS = ("name", "memory.total", "compute_cap", "driver_version")


class Cuda(NamedTuple):
    """What `look_at_cuda` finds."""

    gpus: tuple[Gpu, ...]
    driver: str
    driver_cuda: Version | None
    torch_cuda: Version | None
    dali_cuda: Version | None
    torch_sees_gpu: bool


def look_at_cuda() -> Cuda:
    """GPUs, driver and builds. Works without any of them; imports torch."""
    seen, torch_cuda = _torch()
    listed, driver = listed_gpus(nvidia_smi(*SMI_FIELDS))
    distributions = importlib.metadata.distributions()
    return Cuda(
        gpus=seen or listed,
        driver=driver,
        driver_cuda=_driver_cuda(),
        torch_cuda=torch_cuda,
        dali_cuda=dali_build(one.metadata["Name"] or "" for one in distributions),
        torch_sees_gpu=bool(seen),
    )


def jpeg_engine(name: str, capability: Version | None) -> bool | None:
    """Whether a GPU has hardware for baseline JPEGs; None where neither name nor capability tells.

    The table is short and not NVIDIA's own: what it leaves open, only a decoder can tell.
    """
    if capability in _WITH_ENGINE or _NAMED_ENGINE.search(name):
        return True
    if capability is None:
        return None
    return False if capability < _FIRST_WITH or capability in _WITHOUT_ENGINE else None


def version(text: str | None) -> Version | None:
    """ "13.0" as (13, 0); None for what is none."""
    found = re.match(r"(\d+)\.(\d+)", text or "")
    return (int(found[1]), int(found[2])) if found else None


def dali_build(names: Iterable[str]) -> Version | None:
    """The CUDA of the DALI among installed packages' names: nvidia-dali-cuda130 is (13, 0)."""
    for name in names:
        if found := re.fullmatch(r"nvidia[-_]dali[-_]cuda(\d+)(\d)", name):
            return int(found[1]), int(found[2])
    return None


def listed_gpus(rows: Sequence[Sequence[str]]) -> tuple[tuple[Gpu, ...], str]:
    """GPUs and the driver's version from what nvidia-smi says of SMI_FIELDS."""
    gpus = tuple(
        Gpu(
            name=name,
            memory_bytes=int(memory) << 20 if memory.isdecimal() else 0,
            capability=version(capability),
            jpeg_engine=jpeg_engine(name, version(capability)),
        )
        for name, memory, capability, _ in rows
    )
    return gpus, rows[-1][3] if rows else ""


def _torch() -> tuple[tuple[Gpu, ...], Version | None]:
    import torch

    build = version(torch.version.cuda)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an old driver: advice says it better
        if not torch.cuda.is_available():
            return (), build
        found = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
        return tuple(
            Gpu(
                name=one.name,
                memory_bytes=one.total_memory,
                capability=(one.major, one.minor),
                jpeg_engine=jpeg_engine(one.name, (one.major, one.minor)),
            )
            for one in found
        ), build


def _driver_cuda() -> Version | None:
    """The newest CUDA that the driver runs, from the driver itself."""
    number = ctypes.c_int(0)
    try:
        failed = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError):
        return None
    return None if failed or not number.value else (number.value // 1000, number.value % 1000 // 10)
