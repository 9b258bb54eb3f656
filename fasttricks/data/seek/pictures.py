"""Indexing pictures one by one: reading, walking, or taking over what an older index says."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttricks.data.samples import Samples
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import INDEXED, RECORD, UNREADABLE, WHOLE, checksum
from fasttricks.data.seek.source import Names
from fasttricks.errors import BadSampleError
from fasttricks.kernels.jpeg.seek import SEEK, inspect, seek_points


class Previous:
    """An older index, as far as it speaks of the same pictures."""

    def __init__(self, index: SeekIndex, names: Names) -> None:
        self.index = index
        self._where = None if index.digest == names.digest else _matching(index, names)

    def entry(self, number: int, samples: Samples) -> tuple[Any, bytes] | None:
        """(record, points) of a picture; None if it is new, has changed, or its entry is bad."""
        where = number if self._where is None else int(self._where[number])
        if where < 0:
            return None
        record, now = self.index.records[where], samples.stamp(number)
        if record["kind"] == UNREADABLE or now != (record["size"], record["mtime_ns"]):
            return None
        return self.index.entry(where)


def _matching(index: SeekIndex, names: Names) -> NDArray[np.int64]:
    """For each name its number in `index`, int64 [N], -1 if it is not there."""
    numbers = {name: number for number, name in enumerate(index.names())}
    ends, block = names.ends.tolist(), b"".join(names.pieces())
    starts = [0, *ends[:-1]]
    found = (numbers.get(block[a:b], -1) for a, b in zip(starts, ends, strict=True))
    return np.fromiter(found, np.int64, len(ends))


def seek_points_of(data: bytes, tile_pixels: int, frame: Any) -> NDArray[Any]:
    """Walk a picture for its seek points, SEEK [n], none if it cannot be indexed; sets all of
    `frame`, an empty record of FRAME, whose status says why."""
    encoded = np.frombuffer(data, np.uint8)
    points = np.zeros(max(0, inspect(encoded, tile_pixels, frame)), SEEK)
    if len(points) and (reason := seek_points(encoded, frame, points)):
        frame["status"] = reason
        return points[:0]
    return points


class Work:
    """Indexing one picture after the other; threads call the same object."""

    def __init__(
        self, samples: Samples, tile_pixels: int, previous: Previous | None = None
    ) -> None:
        if not 1 <= tile_pixels < 2**31:
            raise ValueError(f"tile_pixels must lie in [1, 2**31), not {tile_pixels}")
        self.samples = samples
        self.stopped = threading.Event()
        self._tile_pixels = tile_pixels
        self._previous = previous

    def __call__(self, first: int, last: int) -> tuple[NDArray[Any], bytes]:
        """Records [last - first] of these pictures, and their points joined."""
        records, points = np.zeros(last - first, RECORD), []
        for number in range(first, last):
            if self.stopped.is_set():
                break
            known = self._previous and self._previous.entry(number, self.samples)
            if known:
                records[number - first] = known[0]
                points.append(known[1])
            else:
                points.append(self._picture(number, records[number - first]))
        return records, b"".join(points)

    def _picture(self, number: int, record: Any) -> bytes:
        """Read a picture and fill in its record, except `first`; returns its points."""
        points = b""
        try:
            data, found = self.samples.read_stamped(number)
        except BadSampleError as error:
            record["kind"] = UNREADABLE
            record["error"] = getattr(error.__cause__, "errno", None) or 0
        else:
            record["size"], record["mtime_ns"] = found
            points = seek_points_of(data, self._tile_pixels, record["frame"]).tobytes()
            record["kind"] = INDEXED if points else WHOLE
            record["count"] = len(points) // SEEK.itemsize
        record["crc"] = checksum(record.tobytes(), points)
        return points
