"""How much memory this process may still take."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_V1_NO_LIMIT = 1 << 60


def available_memory() -> int:
    """Bytes that can be taken without swapping: the machine's, capped by every cgroup around us."""
    return min(_machine(_PROC), *_cgroups(_PROC, _CGROUP))


def _machine(proc: Path) -> int:
    try:
        for line in (proc / "meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) << 10
    except (OSError, ValueError, IndexError):
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cgroups(proc: Path, root: Path) -> list[int]:
    """What each cgroup from ours up to the root has left; a large number if there is no limit."""
    left = [_V1_NO_LIMIT]
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return left
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            home, files = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            home = root / "memory"
            files = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        # Inside a container the path is the host's and does not exist; its root then holds ours.
        inner = home / path.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder == home or home in folder.parents:
                left += _left(folder, *files)
    return left


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
