"""Opening what the doctor is to look at, whatever kind of data set it is."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fasttricks.data.open import open_data
from fasttricks.data.samples import Samples, Stamp
from fasttricks.data.tar_pack import TarPack
from fasttricks.pipelines.beton.file import Beton


def open_data_set(data: Path, *, train: bool) -> Samples:
    """A folder of class folders, a pack, or a `.beton`.

    Args:
        data: where it is.
        train: where a folder is divided, which part of it.

    Raises:
        DataError: there is nothing of that kind, or its container is damaged as a whole.
    """
    is_beton = data.suffix == ".beton" and not data.is_dir()
    return Beton(data) if is_beton else open_data(data, train=train)


def has_checksums(samples: Samples) -> bool:
    """Whether a stamp holds the CRC-32 of the bytes that were packed, in place of a time."""
    return isinstance(samples, TarPack | Beton)


def keeps_files(samples: Samples) -> bool:
    """Whether what is read are the files that the names are of, and not made from them."""
    return not isinstance(samples, Beton) or samples.mode == "source"


def checksum_fits(data: bytes, stamp: Stamp) -> bool:
    """Whether a packed picture is as it was packed.

    Raw pixels are read as a PPM, which has a header in front of what is stored.
    """
    stored = memoryview(data)[max(0, len(data) - stamp.size) :]
    return len(stored) == stamp.size and zlib.crc32(stored) == stamp.mtime_ns


def announced_sides(samples: Samples, index: int) -> tuple[int, int] | None:
    """(width, height) that a `.beton` has stored with a sample; None for other data sets."""
    if not isinstance(samples, Beton):
        return None
    stored = samples.stored[index]
    return int(stored["width"]), int(stored["height"])


class Broken(NamedTuple):
    """A file that is no picture and is broken."""

    name: str
    cause: str


def broken_shards(samples: Samples) -> Iterator[Broken]:
    """Shards of a pack that are not there, or not as long as they were."""
    if not isinstance(samples, TarPack):
        return
    for name, size in samples.shards:
        path = samples.folder / name
        try:
            now = path.stat().st_size
        except OSError as error:
            yield Broken(str(path), f"the shard cannot be opened: {error.strerror}")
        else:
            if now != size:
                yield Broken(str(path), f"the shard has {now:,} bytes where {size:,} were packed")
