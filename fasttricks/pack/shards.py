"""Writing the shards of a pack: ordinary tar files, the same bytes for the same pictures.

Each sample is two members one after the other, KEY.jpg (or whatever the picture is) and its target,
KEY.cls or KEY.npy. Nothing else goes into the headers: no times, no users.
"""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.data.pack_index import BLOCK

_MTIME = 315532800  # 1980: tar warns of times around 0
_COPY_BYTES = 1 << 20


class Placed(NamedTuple):
    """Where a picture stands; all but `shard` of `fasttricks.data.pack_index.MEMBER`."""

    offset: int
    size: int
    crc: int
    header_crc: int


class Shard:
    """One tar file being written.

    Raises:
        OSError: from all methods, where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open(path, "wb")  # noqa: SIM115 (`finish` and `discard` close it)
        self._tar = tarfile.TarFile(
            fileobj=self._file,
            mode="w",
            format=tarfile.PAX_FORMAT,
            encoding="utf-8",
            copybufsize=_COPY_BYTES,
        )

    def size_with(self, members: Iterable[tuple[str, bytes]]) -> int:
        """Bytes of the finished file if it ended behind these members, (name, content)."""
        end = int(self._tar.offset) + 2 * BLOCK
        for name, data in members:
            end += len(_header(_info(name, data))) + -(-len(data) // BLOCK) * BLOCK
        return -(-end // tarfile.RECORDSIZE) * tarfile.RECORDSIZE

    def add(self, name: str, data: bytes, crc: int = 0) -> Placed:
        """Append a member. `crc`, the CRC-32 of `data`, is only handed on."""
        info = _info(name, data)
        header = _header(info)
        offset = self._tar.offset + len(header)
        self._tar.addfile(info, io.BytesIO(data))
        return Placed(offset, len(data), crc, zlib.crc32(header[-BLOCK:]))

    def finish(self) -> int:
        """End the tar and make it durable; its bytes."""
        with self._file:
            self._tar.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            return self._file.tell()

    def discard(self) -> None:
        """Remove the file, which need not be finished."""
        with contextlib.suppress(OSError):  # closing writes what is in the buffer still
            self._file.close()
        self.path.unlink(missing_ok=True)


def shard_name(number: int) -> str:
    """The file name of a shard."""
    return f"shard-{number:06d}.tar"


def target_member(target: npt.NDArray[Any] | np.generic) -> tuple[str, bytes]:
    """The ending and the content of the member that holds a sample's target.

    An integer is text, as WebDataset has it ("cls"); anything else is NumPy's own format ("npy").
    """
    if target.ndim == 0 and target.dtype.kind in "iu":
        return "cls", str(int(target)).encode()
    file = io.BytesIO()
    np.save(file, target, allow_pickle=False)
    return "npy", file.getvalue()


def _info(name: str, data: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime = len(data), _MTIME
    return info


def _header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8")
