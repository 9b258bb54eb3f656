"""How fast pictures come from where they are: pages that are not in memory, read as loaders do.

A file that was read before comes from the page cache, at a rate that says nothing of the disk. So
mincore(2) is asked first. Where all is in memory, the pages of the sample are given up (they are
read again at once) and it is asked again: what it does not confirm is not measured.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fasttricks.bench.pagecache import resident_share
from fasttricks.data.places import FILE, SLICE
from fasttricks.data.samples import Samples
from fasttricks.doctor.facts import Disk

READERS = 16
"""Pictures that are read at the same time: disks and networks need many requests in flight."""
LEAST_BYTES = 1_000_000
"""Fewer than that tell a latency at best."""

_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"}
    | {"smbfs", "virtiofs", "wekafs"}
)
_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.mergerfs", "fuse.encfs", "fuse.gocryptfs"})
_IN_MEMORY = frozenset({"ramfs", "tmpfs"})
_MOUNTS = Path("/proc/self/mountinfo")
_COLD = 0.05  # share of a picture's pages that may be in memory: read-ahead of a neighbour's
_BLOCK = 1 << 20


class Span(NamedTuple):
    """Where a picture's bytes are."""

    descriptor: int
    offset: int
    size: int


def look_at_disk(samples: Samples, indices: Sequence[int], place: Path, seconds: float) -> Disk:
    """File system, page-cache state and read rate, from some pictures.

    Args:
        samples: a folder's or a pack's.
        indices: pictures to look at, in the order in which they are read.
        place: a path on the file system that they are on.
        seconds: how long to read at most.
    """
    kind = file_system(place)
    network = kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)
    disk = Disk(file_system=kind, network=network, in_memory=kind in _IN_MEMORY)
    shares = [cached(samples, index) for index in indices]
    known = [share for share in shares if share is not None]
    if disk.in_memory:
        return replace(disk, cached=1.0, why_not=f"the file system is in memory ({kind})")
    if not known:
        why = "only a user who may write to a file is told whether it is in the page cache"
        return replace(disk, why_not=why)
    disk = replace(disk, cached=float(np.mean(known)))
    cold = _cold(indices, shares)
    if _bytes(samples, cold) < LEAST_BYTES:
        for index in indices:
            _drop(samples, index)
        cold = _cold(indices, [cached(samples, index) for index in indices])
    if _bytes(samples, cold) < LEAST_BYTES:
        why = "too little of the sample can be had that is not in the page cache"
        return replace(disk, why_not=why)
    files, size, took = read_all(samples, cold, seconds)
    if not size:
        return replace(disk, why_not="the sampled pictures cannot be read")
    return replace(disk, files=files, files_per_s=files / took, bytes_per_s=size / took)


def _cold(indices: Sequence[int], shares: Sequence[float | None]) -> list[int]:
    pairs = zip(indices, shares, strict=True)
    return [index for index, share in pairs if share is not None and share <= _COLD]


def _bytes(samples: Samples, indices: Sequence[int]) -> int:
    return sum(stamp.size for index in indices if (stamp := samples.stamp(index)))


# ------------------------------------------------------------------------------------- page cache


def cached(samples: Samples, index: int) -> float | None:
    """Share of a picture's pages that are in memory; None if that is not told."""
    with _opened(samples, index) as span:
        return None if span is None else resident_share(*span)


def _drop(samples: Samples, index: int) -> None:
    with _opened(samples, index) as span:
        if span is not None:
            os.posix_fadvise(span.descriptor, span.offset, span.size, os.POSIX_FADV_DONTNEED)


# ---------------------------------------------------------------------------------------- reading


def read_all(samples: Samples, indices: Sequence[int], seconds: float) -> tuple[int, int, float]:
    """Read pictures, many at a time, until they are all read or the time is up.

    Returns:
        (pictures, bytes, seconds).
    """
    began = time.monotonic()

    def read(index: int) -> int:
        if time.monotonic() - began >= seconds:
            return 0
        with _opened(samples, index) as span:
            return 0 if span is None else _read(span)

    with ThreadPoolExecutor(READERS, "doctor") as pool:
        sizes = [size for size in pool.map(read, indices) if size]
    return len(sizes), sum(sizes), max(time.monotonic() - began, 1e-9)


def _read(span: Span) -> int:
    """Read a picture and forget it; the bytes that came."""
    done = 0
    with contextlib.suppress(OSError):
        while done < span.size:
            want = min(_BLOCK, span.size - done)
            block = os.pread(span.descriptor, want, span.offset + done)
            if not block:
                break
            done += len(block)
    return done


@contextlib.contextmanager
def _opened(samples: Samples, index: int) -> Iterator[Span | None]:
    """A picture's bytes while they can be read; None if they are in no file or cannot be had."""
    places = samples.places(np.array([index], np.int64))
    place = places.table[0]
    if place["kind"] == SLICE:
        size = int(place["header"]) + int(place["size"])
        yield Span(int(place["descriptor"]), int(place["at"]), size)
        return
    path = samples.path(index) if place["kind"] == FILE else None
    if path is None:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        yield None
        return
    try:
        yield Span(descriptor, 0, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """The type of the file system that a path is on, as in "ext4", "nfs4", "fuse.sshfs"."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    real, best, kind = os.path.realpath(path), "", ""
    for line in lines:
        before, _, after = line.partition(" - ")
        # Blanks and the like are written in octal: "\040".
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), before.split()[4])
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):  # a later mount hides an earlier one
            best, kind = point, after.split()[0]
    return kind
