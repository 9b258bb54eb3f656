"""The control groups that this process is in, whose limits may be narrower than the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC, ROOT = Path("/proc"), Path("/sys/fs/cgroup")


class Group(NamedTuple):
    """One of them."""

    folder: Path
    """Where its limits can be read, if it has any."""
    unified: bool
    """Whether it is of cgroup's version 2, whose files have other names."""


def groups_around(controller: str) -> Iterator[Group]:
    """Every group that may limit `controller` ("cpu", "memory") here, from ours up to the root.

    systemd and SLURM set limits on a group of their own, in which a job's are nested.
    """
    try:
        lines = (PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        home = ROOT / controller if controllers else ROOT
        # Inside a container the path is the host's and does not exist; its root then holds ours.
        inner = home / path.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder == home or home in folder.parents:
                yield Group(folder, unified=not controllers)
