"""The seek index of a data set: where in each picture's data decoding may start.

The file is mapped into memory, so that opening one costs the same for a thousand pictures as for a
million, except for comparing the names; processes share its pages.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fasttricks.data.samples import Samples
from fasttricks.data.seek.format import (
    INDEXED,
    OWN_PART,
    REFRESH,
    UNREADABLE,
    Opened,
    checksum,
    open_file,
    parse,
)
from fasttricks.data.seek.source import Names, names_of
from fasttricks.errors import DataError

_FINE, _DAMAGED, _STALE = range(3)
_REJECTED = ("", "damaged", "stale")


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is in an index."""

    pictures: int
    indexed: int
    points: int
    picture_bytes: int
    """Of the pictures that could be read."""
    file_bytes: int
    reasons: dict[str, int]
    """Why pictures have no points, and how many, the most frequent first."""

    def __str__(self) -> str:
        share = self.file_bytes / max(1, self.picture_bytes)
        text = (
            f"{self.indexed:,} of {self.pictures:,} pictures indexed, "
            f"{self.file_bytes / 1e6:,.1f} MB ({share:.2%} of their size)"
        )
        rest = "; ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())
        return f"{text}; decoded whole: {rest}" if rest else text


class SeekIndex:
    """An opened index. Threads may share it; pickling it opens the file again.

    Attributes:
        path: the file; None for an index in memory.
        tile_pixels: area of a tile, in pixels, that it was made with.
        records: RECORD [N], read-only, in the order of the data set.
        frames: FRAME [N], the records' frames, read-only.
        points: SEEK [P], those of picture i from `records["first"][i]` on, read-only. Nobody has
            checked them; `lookup` does.
        stale: pictures found changed since the index was made, counted once each.
        damaged: pictures whose entry has a wrong checksum, counted once each.
    """

    def __init__(self, opened: Opened, path: Path | None) -> None:
        self.path = path
        self.records, self.points = opened.records, opened.points
        self.frames = opened.records["frame"]
        self.tile_pixels = int(opened.header["tile_pixels"])
        self.stale = self.damaged = 0
        self._opened = opened
        self._state = bytearray(len(self.records))
        self._lock = threading.Lock()
        self._points_at = int(opened.header["sections"]["offset"][-1])
        if opened.file is not None:
            weakref.finalize(self, os.close, opened.file)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        samples: Samples | Names | None = None,
    ) -> Self:
        """Open an index file, for these samples.

        Args:
            path: the file.
            samples: the data set whose index it has to be: as many pictures with the same names, in
                the same order. None takes whatever it is of.

        Raises:
            DataError: not an index, of another format or data set, cut short or damaged.
        """
        index = cls(open_file(Path(path)), Path(path))
        names = names_of(samples) if isinstance(samples, Samples) else samples
        if names is not None and len(names.ends) != len(index):
            raise DataError(
                f"the seek index {path} is of another data set: it has {len(index)} pictures, "
                f"not {len(names.ends)}"
            )
        if names is not None and names.digest != index.digest:
            raise DataError(f"the seek index {path} is of another data set: its file names differ")
        return index

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """An index in memory, from what would be its file."""
        return cls(parse(content, Path("in memory")), None)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path is None:
            return type(self).from_bytes, (bytes(self._opened.buffer),)
        return _open_again, (self.path, self.digest)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return f"SeekIndex({str(self.path or 'in memory')!r}, {len(self)} pictures)"

    @property
    def digest(self) -> bytes:
        """SHA-256 of the names that it was made for."""
        return self._opened.header["digest"].tobytes()

    def names(self) -> Sequence[bytes]:
        """The pictures' names, relative to the folder that they have in common."""
        block, ends = self._opened.names, self._opened.ends.tolist()
        return [bytes(block[a:b]) for a, b in zip([0, *ends], ends, strict=False)]

    def name(self, index: int) -> str:
        """One picture's name for a message: on one line, whatever bytes it has."""
        ends = self._opened.ends
        start = int(ends[index - 1]) if index else 0
        text = os.fsdecode(bytes(self._opened.names[start : int(ends[index])]))
        return text if text.isprintable() else ascii(text)

    def lookup(self, index: int, size: int, mtime_ns: int) -> tuple[Any, NDArray[Any]] | None:
        """The entry of one picture, if it is good for the file as it is now.

        Args:
            index: sample index, in [0, N).
            size: bytes of the file that was opened.
            mtime_ns: its time of modification (see `Samples.read_stamped`).

        Returns:
            (record of type FRAME, SEEK [n]), both read-only; None where the picture has to be
            decoded whole: it cannot be indexed, has changed since, or its entry is damaged. Of the
            latter two the first is told on stderr, all are counted.
        """
        if self._state[index] != _FINE:
            return None
        record = self.records[index]
        content = record.tobytes()
        first, crc, count, size_then, mtime_then, _, kind = OWN_PART.unpack_from(content)
        if size_then != size or mtime_then != mtime_ns:
            if kind != UNREADABLE:
                self._reject(index, _STALE)
            return None
        if kind != INDEXED:
            return None
        points = self._read(first, count)
        if crc != checksum(content, points):
            self._reject(index, _DAMAGED)
            return None
        return record["frame"], np.frombuffer(points, self.points.dtype)

    def rejected(self, index: int) -> str:
        """Why `lookup` has given up a picture's entry: "stale", "damaged", or "" if it has not."""
        return _REJECTED[self._state[index]]

    @property
    def rejections(self) -> NDArray[np.uint8]:
        """[N], not 0 where `lookup` has given up an entry; read-only, always up to date."""
        view = np.frombuffer(self._state, np.uint8)
        view.flags.writeable = False
        return view

    @property
    def points_file(self) -> tuple[int, int]:
        """(descriptor, offset of the points) of the file; (-1, 0) of an index in memory."""
        file = self._opened.file
        return (-1, 0) if file is None else (file, self._points_at)

    def entry(self, index: int) -> tuple[Any, bytes] | None:
        """A picture's record and its points, whatever its kind; None if they are damaged."""
        record = self.records[index]
        points = self._read(int(record["first"]), int(record["count"]))
        return (record, points) if record["crc"] == checksum(record.tobytes(), points) else None

    def why(self, index: int) -> str:
        """Why a picture has no seek points, in words; "" if it has."""
        record = self.records[index]
        if record["kind"] == INDEXED:
            return ""
        if record["kind"] == UNREADABLE:
            error = int(record["error"])
            return f"could not be read: {os.strerror(error)}" if error else "could not be read"
        status, reasons = int(record["frame"]["status"]), self._opened.reasons
        return reasons[status] if status < len(reasons) else f"unknown reason {status}"

    def summary(self) -> Summary:
        """Counts and sizes; reads all records."""
        without = np.flatnonzero(self.records["kind"] != INDEXED)
        return Summary(
            pictures=len(self),
            indexed=len(self) - len(without),
            points=len(self.points),
            picture_bytes=int(self.records["size"].sum()),
            file_bytes=len(self._opened.buffer),
            reasons=dict(Counter(self.why(int(i)) for i in without).most_common()),
        )

    def _read(self, first: int, count: int) -> bytes:
        """Points as bytes; fewer if there are fewer.

        They are read, not looked at in the map. A read waits for a slow disk without the GIL, a
        page fault would stop all threads; and every fault maps 64 KB, so that this process would
        seem to take as much memory as the points of the whole data set have, 2 GB for ImageNet.
        """
        if self._opened.file is None:
            return self.points[first : first + count].tobytes()
        size = self.points.itemsize
        try:
            return os.pread(self._opened.file, size * count, self._points_at + size * first)
        except (OSError, OverflowError, MemoryError):  # a damaged record may ask for anything
            return b""

    def _reject(self, index: int, state: int) -> None:
        with self._lock:
            if self._state[index] != _FINE:
                return
            self._state[index] = state
            self.stale += state == _STALE
            self.damaged += state == _DAMAGED
            first = (self.stale if state == _STALE else self.damaged) == 1
        if first:
            what = "has changed since it was indexed" if state == _STALE else "has a damaged entry"
            print(
                f"fasttricks: seek index {self.path or 'in memory'}: sample {index} "
                f"({self.name(index)}) {what}; such pictures are decoded whole; {REFRESH}",
                file=sys.stderr,
            )


def _open_again(path: Path, digest: bytes) -> SeekIndex:
    index = SeekIndex.open(path)
    if index.digest != digest:
        raise DataError(f"the seek index {path} is of another data set now")
    return index
