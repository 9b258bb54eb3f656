"""A pack: a folder of tar shards beside the index of what is where in them."""

from __future__ import annotations

import os
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.data.given import as_numbers
from fasttricks.data.pack_index import BLOCK, INDEX_NAME, SEEK_NAME, open_pack_index
from fasttricks.data.places import NO_BYTES, PLACE, Places
from fasttricks.data.samples import Joined, Stamp
from fasttricks.data.slices import Slices
from fasttricks.errors import BadSampleError, DataError


class TarPack(Slices):
    """An opened pack. Its pictures are read from the tars, which must be what the index says.

    Attributes:
        folder: where it is.
        shards: (file name, bytes when indexed) of each shard.
        members: MEMBER [N] of `pack_index`, read-only: where each picture is, and its checksum.
        in_place: whether the tars were there first and the index was made for them.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Open and check the index; the shards are opened when they are read.

        Raises:
            DataError: there is no index, or not a good one; see `open_pack_index`.
        """
        self.folder = Path(folder).expanduser()
        index = open_pack_index(self.folder / INDEX_NAME)
        self.members, self.shards, self.in_place = index.members, index.shards, index.in_place
        files = [self.folder / name for name, _ in index.shards]
        shard, offset, size = (index.members[name] for name in ("shard", "offset", "size"))
        self._set(files, shard, offset, size, index.names, index.ends)
        self.targets = np.array(as_numbers(index.targets))
        self.classes = index.classes
        self._crc = index.crc

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_again, (type(self), self.folder, self._crc)

    @property
    def seek_index(self) -> Path:
        """Where the seek index belongs: into the pack."""
        return self.folder / SEEK_NAME

    def joined_names(self) -> Joined:
        """The names of the members, as they are in any copy of the pack."""
        return Joined(self._block, self._ends, os.fsencode(self.folder))

    def stamp(self, index: int) -> Stamp:
        """A picture's size and checksum when it was packed."""
        _, size, _, crc, _ = self.members[index].item()
        return Stamp(size, crc)

    def places(self, indices: npt.NDArray[np.int64]) -> Places:
        """See `Samples.places`; not told where the shard cannot be opened."""
        table = np.zeros(len(indices), PLACE)
        if type(self).read_stamped is not TarPack.read_stamped:
            return Places(table, NO_BYTES)
        held, members = self._locate(table, indices), self.members[indices]
        table["at"] -= BLOCK
        table["mtime_ns"] = members["crc"]
        table["header"], table["header_crc"] = BLOCK, members["header_crc"]
        return Places(table, NO_BYTES, held)

    def read_stamped(self, index: int) -> tuple[bytes, Stamp]:
        """The encoded bytes of one sample, with its size and checksum when it was packed.

        That the tar has this very member there is checked, the picture's checksum is not.

        Raises:
            BadSampleError: the shard is missing or cut short, cannot be read, or is another than
                the one that was indexed.
        """
        offset, size, shard, crc, header_crc = self.members[index].item()
        try:
            data = self._open[shard].read(BLOCK + size, offset - BLOCK)
        except OSError as error:
            raise self.bad(index, f"cannot be read: {error.strerror}") from error
        if zlib.crc32(header := data[:BLOCK]) != header_crc:
            raise self._disagreement(index, header)
        return data[BLOCK:], Stamp(size, crc)

    def _disagreement(self, index: int, header: bytes) -> BadSampleError:
        try:
            found = f"{tarfile.TarInfo.frombuf(header, 'utf-8', 'surrogateescape').name!a}"
        except tarfile.HeaderError:
            found = "no tar header"
        advice = f"fasttricks index {self.folder} --refresh" if self.in_place else "pack it again"
        return self.bad(index, f"index and tar disagree: {found} is where its header was; {advice}")


def _open_again(kind: type[TarPack], folder: Path, crc: int) -> TarPack:
    pack = kind(folder)
    if pack._crc != crc:
        raise DataError(f"the pack {folder} is another one now")
    return pack
