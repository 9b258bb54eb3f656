"""What a measurement ran on: processor, cores, GPU, versions, commit."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from fasttricks.cpus import available_cpus
from fasttricks.installed import find_turbojpeg
from fasttricks.versions import versions

PROJECT = "pyproject.toml"


def provenance() -> dict[str, Any]:
    """What every result says of where it is from: machine, versions, date, commit and command."""
    return {
        "machine": machine(),
        "versions": versions() | turbojpeg_version(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "command": command_line(),
    }


def machine() -> dict[str, Any]:
    """Processor, its cores and those usable here, memory in GB, GPUs with driver, system."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "usable_cores": available_cpus(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "gpus": _gpus(),
        "system": f"{platform.system()} {platform.release()}",
    }


def commit() -> str:
    """The commit of the source, with "+dirty" when files differ from it; "unknown" without git."""
    folder = Path(__file__).resolve().parent
    head = output("git", "-C", str(folder), "rev-parse", "HEAD")
    if not head or not _ours(folder):
        return "unknown"  # no repository, or one that only happens to contain the installed package
    return head + ("+dirty" if output("git", "-C", str(folder), "status", "--porcelain") else "")


def _ours(folder: Path) -> bool:
    """Whether the repository around `folder` is this project's.

    It is where this file is tracked. It is too where the project is the top of the work tree: a
    file that is new, and not committed yet, is measured as part of the project all the same.
    """
    if output("git", "-C", str(folder), "ls-files", Path(__file__).name):
        return True
    top = output("git", "-C", str(folder), "rev-parse", "--show-toplevel")
    return top is not None and Path(top) == folder.parent and (folder.parent / PROJECT).is_file()


def turbojpeg_version() -> dict[str, str]:
    """The system's libturbojpeg, as `versions()` has others; empty where it cannot be told.

    The library's file says it: version 2 has no call that does.
    """
    if find_turbojpeg():  # and with that it is mapped into this process
        with contextlib.suppress(OSError):
            mapped = re.search(r"/.*libturbojpeg\.so.*", Path("/proc/self/maps").read_text())
            told = mapped and re.search(
                rb"libjpeg-turbo version ([\w.]+)", Path(mapped[0]).read_bytes()
            )
            return {"libturbojpeg": told[1].decode()} if told else {}
    return {}


def describe(facts: dict[str, Any], found: dict[str, str]) -> str:
    """`machine()` and `versions()` in one line."""
    gpus = ", ".join(facts["gpus"]) or "no GPU"
    names = ("torch", "torchvision", "nvidia-dali-cuda130", "nvidia-dali-cuda120", "ffcv", "timm")
    shown = [f"{name.split('-cuda')[0]} {found[name]}" for name in names if name in found]
    return (
        f"{facts['cpu']}, {facts['usable_cores']} of {facts['cores']} cores, {gpus}; "
        f"Python {found['python']}, {', '.join([*shown, found['PIL']])}"
    )


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    """Each GPU as "name (driver version)"."""
    return [f"{name} (driver {driver})" for name, driver in nvidia_smi("name", "driver_version")]


def nvidia_smi(*fields: str) -> list[list[str]]:
    """These fields of each GPU, numbers without their units; none where it says nothing."""
    text = output("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits")
    rows = [[cell.strip() for cell in line.split(",")] for line in (text or "").splitlines()]
    return [row for row in rows if len(row) == len(fields)]


def output(*command: str) -> str | None:
    """What a command prints; None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def command_line() -> str:
    """How this process was started, as it can be typed again."""
    module = getattr(sys.modules["__main__"], "__spec__", None)  # None: not by python -m
    started = ["python", "-m", module.name.removesuffix(".__main__")] if module else []
    return shlex.join([*(started or [Path(sys.argv[0]).name]), *sys.argv[1:]])
