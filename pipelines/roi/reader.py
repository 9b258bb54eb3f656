"""Reading for the roi pipeline: a piece of a batch at once, in compiled code where it is ordinary.

What is not plain, or cannot be read at once, goes through `Fetcher`, picture by picture, as in all
other pipelines: with the same errors, replacements and counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.data.pixels import Pixels
from fasttricks.data.places import UNTOLD
from fasttricks.data.plain_pictures import index_of, read_plain
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.decode.picture import JPEG, PIXELS, TASK, Bytes
from fasttricks.pipelines.fetch import Fetched, Fetcher
from fasttricks.pipelines.job import Indices, Replaced
from fasttricks.pipelines.recycle import Spare

PIECE_BYTES = 4 << 20
"""The most that a piece should take in memory: 37 ImageNet pictures."""
ROOM = PIECE_BYTES * 3 // 2
"""Bytes for the pictures of a piece; more than most pieces have, and only what is used counts."""


@dataclass(slots=True)
class Piece:
    """r samples that were read."""

    shown: Indices
    """int64 [r], the samples after replacing."""
    tasks: npt.NDArray[np.void]
    """TASK [r], with addresses of what this object holds."""
    frames: npt.NDArray[np.void]
    """FRAME [r]"""
    fetched: dict[int, Fetched]
    """By position, those that Python read."""
    room: Bytes
    """Where the others are, if not in the memory of the data set."""
    points: list[npt.NDArray[np.void]]
    """The seek points of `fetched`."""

    @property
    def bytes(self) -> int:
        """What it takes in memory, about."""
        return int(self.tasks["size"].sum())

    @property
    def replaced(self) -> dict[int, Replaced]:
        """By position, what was replaced."""
        return {at: found.replaced for at, found in self.fetched.items() if found.replaced}

    def put(self, position: int, found: Fetched) -> None:
        """`found` stands there now."""
        self.shown[position], self.fetched[position] = found.index, found


class Reader:
    """Reads pieces, for several threads."""

    def __init__(self, fetch: Fetcher, cutter: Cutter) -> None:
        self._fetch, self._cutter = fetch, cutter
        self._index = index_of(cutter.index)
        self._rooms = Spare()

    def __call__(self, indices: Indices, epoch: int) -> Piece:
        """Read samples, int64 [r]; their pieces are given back with `free`.

        Raises:
            BadSampleError, DataError: see `Fetcher`.
        """
        places = self._fetch.samples.places(indices)
        if bad := self._fetch.bad:
            places.table["kind"][[int(index) in bad for index in indices]] = UNTOLD
        room = self._rooms.take(ROOM)
        found, frames = read_plain(places, self._index, self._cutter.numbers(indices), room)
        tasks = np.zeros(len(indices), TASK)
        for name in ("data", "size", "height", "width", "points", "count"):
            tasks[name] = found[name]
        tasks["kind"] = JPEG
        piece = Piece(indices.copy(), tasks, frames, {}, room, [])
        for position in np.flatnonzero(found["plain"] == 0).tolist():
            self._one(piece, position, epoch)
        return piece

    def _one(self, piece: Piece, position: int, epoch: int) -> None:
        found = self._fetch(int(piece.shown[position]), epoch)
        piece.put(position, found)
        piece.tasks[position] = task = _whole(found)
        piece.frames[position] = 0
        entry = self._cutter.entry(found)
        if entry is not None:
            frame, points = entry
            piece.frames[position] = frame
            piece.tasks[position] = (*task[:-2], points.ctypes.data, len(points))
            piece.points.append(points)

    def counts(self, piece: Piece) -> Counter[str]:
        """How many were made the slow way, as `Cutter.counts` counts; after they were made."""
        if not piece.fetched:
            return self._cutter.rejected(piece.shown)
        plain = np.delete(piece.shown, list(piece.fetched))
        return self._cutter.counts(piece.fetched.values()) + self._cutter.rejected(plain)

    def free(self, piece: Piece) -> None:
        """Its memory may be used again."""
        self._rooms.give(piece.room)


def _whole(found: Fetched) -> tuple[Any, ...]:
    """The TASK that decodes a whole file; `found` must outlive it."""
    if found.pixels is not None:
        return decoded(found.pixels)
    address = np.frombuffer(found.data, np.uint8).ctypes.data
    return address, len(found.data), JPEG, found.probe.height, found.probe.width, 0, 0


def decoded(pixels: Pixels) -> tuple[Any, ...]:
    """The TASK of pixels that are there already; they must outlive it."""
    height, width, _ = pixels.shape
    return pixels.ctypes.data, pixels.size, PIXELS, height, width, 0, 0
