"""What a seek index has to know of a data set: names relative to a root, and time stamps.

Names are relative so that an index stays good when its pictures are moved together. A million of
them are walked in compiled code and hashed in pieces: opening an index does this every time.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttricks.data.samples import Samples, Stamp
from fasttricks.kernels.jit import kernel

_PIECE = 1 << 14  # names handled at a time: about a MB


@dataclass(frozen=True)
class Names:
    """The names of a data set, in its order. Made by `names_of`."""

    root: bytes
    """The folder that all paths have in common; b"" for pictures in memory."""
    ends: NDArray[np.uint64]
    """[N], where each name ends when they are joined."""
    digest: bytes
    """SHA-256 of `ends` as little-endian bytes, followed by the joined names."""
    samples: Samples

    def pieces(self) -> Iterator[bytes]:
        """The joined names, some MB at a time."""
        return _pieces(self.samples, len(self.root))


def names_of(samples: Samples) -> Names:
    """The names of a data set: paths without what they have in common, up to a folder.

    Pictures in memory have empty names.
    """
    if samples.in_memory:
        root, ends = b"", np.zeros(len(samples), "<u8")
    else:
        root = _common_folder(samples)
        ends = np.arange(1, len(samples) + 1, dtype="<i8")
        ends *= len(root)
        ends = np.subtract(samples._ends, ends, out=ends).view("<u8")
    digest = hashlib.sha256(ends.data)
    for piece in _pieces(samples, len(root)):
        digest.update(piece)
    return Names(root, ends, digest.digest(), samples)


def stamp(samples: Samples, index: int) -> Stamp | None:
    """A sample's stamp without reading it; None if there is no such file."""
    if samples.in_memory:
        return Stamp(len(samples.read(index)), 0)
    try:
        status = os.stat(samples._piece(index))
    except OSError:
        return None
    return Stamp(status.st_size, status.st_mtime_ns)


# Samples keeps its paths joined, as `_block` and `_ends`; nothing else is fast enough.


def _common_folder(samples: Samples) -> bytes:
    block = np.frombuffer(samples._block, np.uint8)
    length = int(_common_length(block, np.asarray(samples._ends)))
    return samples._block[: samples._block.rfind(b"/", 0, length) + 1]


def _pieces(samples: Samples, skip: int) -> Iterator[bytes]:
    """The paths joined, each without its first `skip` bytes."""
    if samples.in_memory:
        return
    block, ends = np.frombuffer(samples._block, np.uint8), np.asarray(samples._ends)
    for first in range(0, len(ends), _PIECE):
        last = min(first + _PIECE, len(ends))
        begin = int(ends[first - 1]) if first else 0
        out = np.empty(int(ends[last - 1]) - begin - skip * (last - first), np.uint8)
        _gather(block, ends, skip, first, last, out)
        yield out.tobytes()


@kernel
def _common_length(block: NDArray[np.uint8], ends: NDArray[np.int64]) -> int:
    """How many bytes all paths begin with alike."""
    common = ends[0]
    for i in range(1, len(ends)):
        start = ends[i - 1]
        common = min(common, ends[i] - start)
        k = 0
        while k < common and block[start + k] == block[k]:
            k += 1
        common = k
    return common


@kernel
def _gather(
    block: NDArray[np.uint8],
    ends: NDArray[np.int64],
    skip: int,
    first: int,
    last: int,
    out: NDArray[np.uint8],
) -> None:
    """Join the paths `first` to `last`, each without its first `skip` bytes."""
    at = 0
    for i in range(first, last):
        start = ends[i - 1] + skip if i else skip
        for k in range(start, ends[i]):
            out[at] = block[k]
            at += 1
