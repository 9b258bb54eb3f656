"""The machine: processor, memory, GPUs, versions, and which pipelines can be used on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fasttricks.bench import machine as bench_machine
from fasttricks.cpus import available_cpus
from fasttricks.doctor.facts import Machine
from fasttricks.doctor.gpu import look_at_cuda
from fasttricks.memory import available_memory
from fasttricks.pipelines.registry import pipelines
from fasttricks.versions import versions

SHARED_MEMORY = Path("/dev/shm")


def look_at_machine() -> Machine:
    """Facts about this machine, as this process may use it; measures nothing."""
    found, installed, cuda = bench_machine.machine(), versions(), look_at_cuda()
    free = available_memory()
    shm = room(SHARED_MEMORY)
    return Machine(
        cpu=str(found["cpu"]),
        cores=int(found["cores"]),
        usable_cores=available_cpus(),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        free_bytes=free,
        shared_bytes=min(free, shm),
        shm_bytes=shm if SHARED_MEMORY.is_dir() else None,
        gpus=cuda.gpus,
        driver=cuda.driver,
        driver_cuda=cuda.driver_cuda,
        torch_cuda=cuda.torch_cuda,
        dali_cuda=cuda.dali_cuda,
        torch_sees_gpu=cuda.torch_sees_gpu,
        versions=installed,
        simd=installed["PIL"].startswith("pillow-simd"),
        pipelines={name: one.reason for name, one in pipelines().items()},
    )


def room(folder: Path) -> int:
    """Bytes that can be written to the file system of a folder; 0 if there is no such folder."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
