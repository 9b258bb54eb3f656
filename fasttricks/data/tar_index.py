"""Making a pack of existing tars, where they are: by writing the index files beside them."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np

from fasttricks.data.pack_index import BLOCK, INDEX_NAME, MEMBER, SEEK_NAME, write_pack_index
from fasttricks.data.samples import Joined, Stamp
from fasttricks.data.seek.build import build_index
from fasttricks.data.slices import Slices
from fasttricks.data.tar_pack import TarPack
from fasttricks.data.unfinished import unfinished
from fasttricks.data.webdataset import read_tars, tars_in
from fasttricks.errors import DataError


def index_tars(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    progress: bool = False,
) -> TarPack:
    """Write the pack index and the seek index of the tars in a folder; every byte is read once.

    The samples are in the order of `read_tars`. Index files that are there are replaced when the
    new ones are complete.

    Args:
        folder: of uncompressed tars in the WebDataset form.
        out: another place for the seek index; loaders look for it beside the tars.
        workers: threads, by default one per CPU that this process may use.
        progress: show bars on stderr.

    Raises:
        DataError: there are no tars or not such (see `read_tars`), the folder was made by
            `fasttricks pack`, or the files cannot be written.
    """
    folder = Path(folder).expanduser()
    if not (tars := tars_in(folder)):
        raise DataError(f"{folder} has no tars")
    target = folder / INDEX_NAME
    if target.exists() and not TarPack(folder).in_place:
        raise DataError(f"{folder} was made by fasttricks pack and keeps its order: pack it again")
    try:
        with unfinished(target, f"the pack index {target}") as work:
            samples = _Checked(folder, read_tars(tars, workers=workers, progress=progress))
            build_index(samples, out, workers=workers, progress=progress)
            write_pack_index(
                work.file,
                shards=[(tar.name, tar.stat().st_size) for tar in tars],
                members=samples.members,
                names=[samples.member(index) for index in range(len(samples))],
                targets=samples.targets,
                classes=samples.classes,
                in_place=True,
            )
            work.publish()
    except OSError as error:
        raise DataError(
            f"cannot write {target}: {error.strerror or error}; where tars cannot be indexed in "
            "place, copy them: fasttricks pack SRC DST"
        ) from error
    return TarPack(folder)


class _Checked(Slices):
    """The samples of a pack that is being made: reading a picture notes its checksums."""

    def __init__(self, folder: Path, found: Slices) -> None:
        super().__init__(
            found.files,
            file=found.file,
            offset=found.offset,
            size=found.size,
            names=[found.member(index) for index in range(len(found))],
            targets=found.targets,
            classes=found.classes,
        )
        largest = int(found.size.argmax())
        if found.size[largest] >= 2**32:
            raise DataError(f"{self.name(largest)} is larger than the 4 GB that a picture may have")
        self._folder = folder
        self.members = np.zeros(len(found), MEMBER)
        self.members["offset"], self.members["shard"] = found.offset, found.file
        self.members["size"] = found.size

    @property
    def seek_index(self) -> Path:
        """Where the pack will have it."""
        return self._folder / SEEK_NAME

    def joined_names(self) -> Joined:
        """The names that the pack will have."""
        return super().joined_names()._replace(root=os.fsencode(self._folder))

    def read_stamped(self, index: int) -> tuple[bytes, Stamp]:
        """As in the pack to be; but an error means that there can be none.

        Raises:
            DataError: the tar cannot be read.
        """
        size, offset = int(self.size[index]), int(self.offset[index])
        try:
            data = self._open[int(self.file[index])].read(BLOCK + size, offset - BLOCK)
        except OSError as error:
            raise DataError(f"{self.name(index)} cannot be read: {error.strerror}") from error
        picture = data[BLOCK:]
        crc, member = zlib.crc32(picture), self.members[index]
        member["crc"], member["header_crc"] = crc, zlib.crc32(data[:BLOCK])
        return picture, Stamp(size, crc)
