"""How many CPUs this process may really use."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator

from fasttricks.cgroup import Group, groups_around

_share: int | None = None


def available_cpus() -> int:
    """CPUs for this rank: affinity, capped by the cgroup's quota, shared among the node's ranks.

    torchrun's `LOCAL_WORLD_SIZE` says how many ranks share the node. At least 1. Inside of
    `kept_to` it is what that gives.

    Raises:
        ValueError: `LOCAL_WORLD_SIZE` is no number of ranks.
    """
    if _share is not None:
        return _share
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "1")
    if not ranks.isdecimal() or int(ranks) < 1:
        told = "the environment variable LOCAL_WORLD_SIZE must be an integer >= 1"
        raise ValueError(f"{told}; it is {ranks!r}")
    return max(1, int(min([cpus, *map(_quota, groups_around("cpu"))])) // int(ranks))


def threads_for(workers: int | None) -> int:
    """How many threads `workers` are, which is what the user said: None for `available_cpus()`.

    Raises:
        ValueError: workers < 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1; got {workers}")
    return available_cpus() if workers is None else workers


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


def _quota(group: Group) -> float:
    """CPUs that a cgroup allows per second; infinite without a limit."""
    try:
        if group.unified:
            quota, period = (group.folder / "cpu.max").read_text().split()
        else:
            quota = (group.folder / "cpu.cfs_quota_us").read_text().strip()
            period = (group.folder / "cpu.cfs_period_us").read_text().strip()
        return math.inf if quota in ("max", "-1") else max(1.0, float(quota) / float(period))
    except (OSError, ValueError):
        return math.inf
