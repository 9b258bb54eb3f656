"""Whether a seek index is there, is of these pictures, and says what is true of them."""

from __future__ import annotations

import enum
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttricks.data.samples import Samples, Stamp
from fasttricks.data.seek.build import index_path
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import FORMAT, HEADER, MAGIC, UNREADABLE
from fasttricks.data.seek.pictures import seek_points_of
from fasttricks.errors import DataError
from fasttricks.kernels.jpeg.seek import FRAME


class State(enum.Enum):
    """What there is of a seek index."""

    NONE = "none"
    USABLE = "usable"
    OTHER = "of other pictures or another format"
    DAMAGED = "damaged"


@dataclass(frozen=True, kw_only=True)
class FoundIndex:
    """A data set's seek index, if it has one."""

    state: State
    path: Path
    """Where it is, or belongs."""
    index: SeekIndex | None = None
    """Opened, if usable."""
    cause: str = ""
    """What is wrong with it, in words."""


def find_index(samples: Samples, given: Path | None = None) -> FoundIndex:
    """Open a data set's index. Nothing is made or made again.

    Args:
        samples: the data set.
        given: the index file; by default where loaders look for it.

    Raises:
        DataError: the given file is not there.
    """
    path = index_path(samples) if given is None else given.expanduser()
    if not os.path.lexists(path):
        if given is not None:
            raise DataError(f"{path} does not exist")
        return FoundIndex(state=State.NONE, path=path)
    try:
        SeekIndex.open(path)  # sound in itself?
    except DataError as error:
        state = State.OTHER if _of_another_format(path) else State.DAMAGED
        return FoundIndex(state=state, path=path, cause=str(error))
    try:
        return FoundIndex(state=State.USABLE, path=path, index=SeekIndex.open(path, samples))
    except DataError as error:
        return FoundIndex(state=State.OTHER, path=path, cause=str(error))


def _of_another_format(path: Path) -> bool:
    """Whether a file is an undamaged index of another version, which loaders make again."""
    try:
        with open(path, "rb") as file:
            content = file.read(HEADER.itemsize)
    except OSError:
        return False
    if len(content) < HEADER.itemsize or not content.startswith(MAGIC):
        return False
    header = np.frombuffer(content, HEADER, 1)[0]
    return bool(header["format"] != FORMAT and header["crc"] == zlib.crc32(content[:-4]))


class Worth(enum.Enum):
    """What an index's entry for one picture is worth."""

    TRUE = "true"
    STALE = "of an older version of the file"
    WRONG = "wrong"


class Entry(NamedTuple):
    """What came of holding an entry against its picture."""

    worth: Worth
    cause: str = ""
    """Why it is wrong, in words."""
    sides: tuple[int, int] | None = None
    """(width, height) that cuts would be made by; None if the entry allows none."""


def check_entry(index: SeekIndex, number: int, found: tuple[bytes, Stamp] | None) -> Entry:
    """Hold a picture's entry against its checksum, and against the picture itself.

    Args:
        index: opened for the data set.
        number: sample index.
        found: the picture's content and stamp; None if it cannot be read.
    """
    entry = index.entry(number)
    if entry is None:
        return Entry(Worth.WRONG, "its entry in the seek index has a wrong checksum")
    record, points = entry
    if found is None:
        return Entry(Worth.TRUE)
    data, stamp = found
    if record["kind"] == UNREADABLE or (record["size"], record["mtime_ns"]) != stamp:
        return Entry(Worth.STALE)
    frame, again = walk_again(data, index.tile_pixels)
    if frame.tobytes() != record["frame"].tobytes():
        cause = f"the seek index has another frame: {_differences(record['frame'], frame)}"
        return Entry(Worth.WRONG, cause)
    if again.tobytes() != points:
        return Entry(Worth.WRONG, _misplaced(np.frombuffer(points, again.dtype), again))
    sides = int(frame["width"]), int(frame["height"])
    return Entry(Worth.TRUE, sides=sides if len(again) else None)


def walk_again(data: bytes, tile_pixels: int) -> tuple[Any, NDArray[Any]]:
    """What indexing a picture gives now: (record of FRAME, SEEK [n], none if it cannot be cut)."""
    frame = np.zeros(1, FRAME)[0]
    return frame, seek_points_of(data, tile_pixels, frame)


def _differences(told: Any, frame: Any) -> str:
    """Which members of a frame differ, and how."""
    return ", ".join(
        f"{name} {told[name]} instead of {frame[name]}"
        for name in frame.dtype.names
        if told[name] != frame[name]
    )


def _misplaced(told: NDArray[Any], points: NDArray[Any]) -> str:
    if len(told) != len(points):
        return f"the seek index has {len(told)} points and the picture {len(points)}"
    wrong = np.count_nonzero(told != points)
    return f"{wrong} of {len(points)} points in the seek index are not where the data have them"
