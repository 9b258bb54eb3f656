"""How much memory this process may still take."""

from __future__ import annotations

import os
from pathlib import Path

from fasttricks import cgroup
from fasttricks.cgroup import Group, groups_around

_V1_NO_LIMIT = 1 << 60


def available_memory() -> int:
    """Bytes that can be taken without swapping: the machine's, capped by every cgroup around us."""
    left = (bytes_ for group in groups_around("memory") for bytes_ in _left_in(group))
    return min([_machine(cgroup.PROC), *left])


def _machine(proc: Path) -> int:
    try:
        for line in (proc / "meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _left_in(group: Group) -> list[int]:
    """[What a cgroup has left], or [] without a limit."""
    if group.unified:
        return _left(group.folder, "memory.max", "memory.current", "inactive_file")
    names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    return _left(group.folder, *names)


def _left(folder: Path, limit: str, used: str, cache: str) -> list[int]:
    """[limit - used + page cache that can be dropped], or [] without a limit."""
    try:
        most = (folder / limit).read_text().strip()
        if most == "max" or int(most) >= _V1_NO_LIMIT:
            return []
        taken = int((folder / used).read_text())
        facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return [max(0, int(most) - taken + int(facts.get(cache, 0)))]
    except (OSError, ValueError):
        return []
