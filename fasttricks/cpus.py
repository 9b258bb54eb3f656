"""How many CPUs this process may really use."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus() -> int:
    """CPUs for this rank: affinity, capped by the cgroup's quota, shared among the node's ranks.

    torchrun's `LOCAL_WORLD_SIZE` says how many ranks share the node. At least 1.
    """
    cpus = float(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = _cgroup_quota(_CGROUP)
    if quota is not None:
        cpus = min(cpus, quota)
    return max(1, int(cpus) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _cgroup_quota(root: Path) -> float | None:
    """CPUs that the cgroup (v2, then v1) allows per second; None without a limit."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if quota in ("max", "-1"):
        return None
    return max(1.0, float(quota) / float(period))
