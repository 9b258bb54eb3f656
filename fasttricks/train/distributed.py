"""The processes of a run: one alone, or those that torchrun started.

On the CPU they talk through gloo, on GPUs through NCCL, with gloo beside it for what never was on a
GPU. Each gets its share of the node's CPUs, near its GPU where the node has several memories.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from fasttricks.cpus import available_cpus, kept_to

_SYS = Path("/sys")


@dataclass(frozen=True, kw_only=True)
class World:
    """This process among all."""

    rank: int = 0
    size: int = 1
    device: torch.device
    threads: int
    """That the loader of this process may use."""

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes; changes `values`. On a GPU nobody waits for it here."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def gather(self, value: Any) -> list[Any]:
        """Everybody's value, by rank; anything that can be pickled."""
        if self.size == 1:
            return [value]
        everybodys: list[Any] = [None] * self.size
        dist.all_gather_object(everybodys, value)
        return everybodys

    def average(self, tensors: list[torch.Tensor]) -> None:
        """Make each of these floating-point tensors the mean of everybody's, in place."""
        if self.size == 1 or not tensors:
            return
        flat = self.sum(torch.cat([tensor.reshape(-1).float() for tensor in tensors])) / self.size
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def speaks() -> bool:
    """Whether this process will be the first, also before it has joined the others."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def join(device: str) -> Iterator[World]:
    """Take this process's place in the run; leave when the block is left, with CPUs and threads as
    they were before. A block inside of another has the same place.

    Args:
        device: "cpu", "cuda", or "auto": CUDA where torch sees it.

    Raises:
        ValueError: CUDA is asked for, and torch sees none, or fewer devices than local processes.
    """
    rank, size, local = (
        int(os.environ.get(name, default))
        for name, default in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))
    )
    where = _device(device, local)
    joins = size > 1 and not dist.is_initialized()  # else the caller has made the group
    with contextlib.ExitStack() as stack:
        threads = available_cpus()
        if where.type == "cuda":
            torch.cuda.set_device(where)
            torch.backends.cudnn.benchmark = True
            threads = stack.enter_context(_near(where))
        elif "OMP_NUM_THREADS" not in os.environ:  # torchrun sets it, and then it is meant
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        if joins:
            cuda = where.type == "cuda"
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if cuda else "gloo", device_id=where if cuda else None
            )
            stack.push(_leave)
        yield World(rank=rank, size=size, device=where, threads=threads)


def _leave(error: type[BaseException] | None, *_: object) -> None:
    """Leave the group, but not NCCL's after an error.

    That one first finishes what was begun, and waits for all others to leave as well. Where one
    process fails, they wait for it in their next step: nothing would be told for as long as NCCL
    has patience (10 minutes). The end of the process breaks the group off; torchrun ends the rest.
    """
    if error is None or "nccl" not in dist.get_backend_config():
        dist.destroy_process_group()


def _device(name: str, local: int) -> torch.device:
    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not seen):
        return torch.device("cpu")
    if not seen:
        raise ValueError(
            "device cuda was asked for, but torch sees no CUDA device; use --device cpu"
        )
    if local >= seen:
        raise ValueError(
            f"device cuda: torch sees {seen} of them, and this is local process {local}"
        )
    return torch.device("cuda", local)


def _near(device: torch.device) -> contextlib.AbstractContextManager[int]:
    """Keep this process on the CPUs beside its GPU; gives how many threads it may then use."""
    nodes = [memory_node(_bus(n)) for n in range(int(os.environ.get("LOCAL_WORLD_SIZE", "1")))]
    mine = nodes[device.index or 0]
    return kept_to(cpus_of(mine), nodes.count(mine))


def _bus(device: int) -> str:
    """A GPU's address as the system has it, "0000:3b:00.0"."""
    facts: Any = torch.cuda.get_device_properties(device)
    return f"{facts.pci_domain_id:04x}:{facts.pci_bus_id:02x}:{facts.pci_device_id:02x}.0"


def memory_node(bus: str, root: Path = _SYS) -> int:
    """Number of the NUMA node that a PCI device is attached to; -1 if the system does not say."""
    try:
        return int((root / "bus/pci/devices" / bus / "numa_node").read_text())
    except (OSError, ValueError):
        return -1


def cpus_of(node: int, root: Path = _SYS) -> set[int]:
    """CPUs of a NUMA node; empty if there is no such node."""
    try:
        text = (root / f"devices/system/node/node{node}/cpulist").read_text()
    except OSError:
        return set()
    ends = [part.split("-") for part in text.strip().split(",") if part]
    return {
        cpu for first, *last in ends for cpu in range(int(first), int((last or [first])[0]) + 1)
    }
