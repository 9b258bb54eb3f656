"""How many CPUs this process may really use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_share: int | None = None


def available_cpus() -> int:
    """CPUs for this rank: affinity, capped by the cgroup's quota, shared among the node's ranks.

    torchrun's `LOCAL_WORLD_SIZE` says how many ranks share the node. At least 1. Inside of
    `kept_to` it is what that gives.
    """
    if _share is not None:
        return _share
    cpus = float(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota = _cgroup_quota(_CGROUP)
    if quota is not None:
        cpus = min(cpus, quota)
    return max(1, int(cpus) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


@contextlib.contextmanager
def kept_to(cpus: set[int], ranks: int) -> Iterator[int]:
    """Keep this thread, and those that it starts, on some CPUs as long as the block runs.

    Blocks may be nested: what is divided among ranks once is not divided again.

    Args:
        cpus: where to stay; those that it may not use do not count, and if that leaves none, or the
            system knows no such thing, it stays where it is.
        ranks: of this node that are kept to these CPUs.

    Yields:
        How many threads this rank may use: its part of these CPUs, and never more than of all.
    """
    global _share
    outer, share = _share, available_cpus()
    before = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    near = cpus & before
    if not near:
        yield share
        return
    os.sched_setaffinity(0, near)
    _share = max(1, min(share, len(near) // ranks))
    try:
        yield _share
    finally:
        _share = outer
        os.sched_setaffinity(0, before)


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
