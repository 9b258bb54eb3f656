"""What a seek index has to know of a data set: names relative to a root.

Names are relative so that an index stays good when its pictures are moved together. A million of
them are walked in compiled code and hashed in pieces: opening an index does this every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttricks.data.samples import Joined, Samples
from fasttricks.kernels.jit import kernel

_PIECE = 1 << 14  # names handled at a time: about a MB


@dataclass(frozen=True)
class Names:
    """The names of a data set, in its order. Made by `names_of`."""

    root: bytes
    """The folder that all names are relative to; b"" for pictures in memory."""
    ends: NDArray[np.uint64]
    """[N], where each name ends when they are joined."""
    digest: bytes
    """SHA-256 of `ends` as little-endian bytes, followed by the joined names."""
    joined: Joined
    """The names as the data set keeps them."""
    skip: int
    """The first bytes of each of those, which are the root."""

    def pieces(self) -> Iterator[bytes]:
        """The joined names, some MB at a time."""
        return _pieces(self.joined, self.skip)


def names_of(samples: Samples) -> Names:
    """The names of a data set: paths without what they have in common, up to a folder.

    A pack gives its members' names. Pictures in memory have empty names.
    """
    joined = samples.joined_names()
    root = _common_folder(joined) if joined.root is None else joined.root
    skip = len(root) if joined.root is None else 0
    ends = np.arange(1, len(samples) + 1, dtype="<i8")
    ends *= skip
    ends = np.subtract(joined.ends, ends, out=ends).view("<u8")
    digest = hashlib.sha256(ends.data)
    for piece in _pieces(joined, skip):
        digest.update(piece)
    return Names(root, ends, digest.digest(), joined, skip)


def _common_folder(paths: Joined) -> bytes:
    block = np.frombuffer(paths.block, np.uint8)
    length = int(_common_length(block, paths.ends))
    common = bytes(paths.block[:length])
    return common[: common.rfind(b"/") + 1]


def _pieces(joined: Joined, skip: int) -> Iterator[bytes]:
    """The names joined, each without its first `skip` bytes."""
    block, ends = np.frombuffer(joined.block, np.uint8), joined.ends
    for first in range(0, len(ends), _PIECE):
        last = min(first + _PIECE, len(ends))
        begin, end = int(ends[first - 1]) if first else 0, int(ends[last - 1])
        if skip == 0:
            yield bytes(joined.block[begin:end])
            continue
        out = np.empty(end - begin - skip * (last - first), np.uint8)
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
