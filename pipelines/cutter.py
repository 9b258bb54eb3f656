"""Parts of files, found by a data set's seek index: cut, for back ends that take whole encoded
pictures, or decoded."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.data.probe import Kind
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import ensure_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.kernels.jpeg.cut import cut, cut_bound, workspace_bytes
from fasttricks.kernels.jpeg.decode import decode, workspace_bound
from fasttricks.kernels.jpeg.planes import SPILL
from fasttricks.kernels.resize import support
from fasttricks.pipelines.fetch import Fetched
from fasttricks.pipelines.job import Indices

Bytes = npt.NDArray[np.uint8]
Entry = tuple[Any, npt.NDArray[np.void]]


class Cut(NamedTuple):
    """A JPEG that holds a part of a picture."""

    data: Bytes
    """uint8 [bytes], the caller's own."""
    top: int
    left: int
    height: int
    width: int


def needed(plan: np.void, size: int) -> tuple[int, int, int, int]:
    """(top, left, height, width) of what a plan's window of size x size is made from."""
    how = plan["interpolation"]
    first, last = support(plan["grid_top"], size, plan["height"], plan["grid_height"], how)
    begin, end = support(plan["grid_left"], size, plan["width"], plan["grid_width"], how)
    return plan["top"] + first, plan["left"] + begin, last - first, end - begin


def open_index(samples: Samples, index: bool | str | os.PathLike[str]) -> SeekIndex | None:
    """The seek index that `Cutter` is told to use; None for none."""
    if index is True:
        return ensure_index(samples.base, progress=True)
    return None if index is False else SeekIndex.open(index, samples.base)


class Cutter:
    """Knows where the files of a data set can be cut. Threads may share it, workers pickle it.

    Args:
        samples: what is cut.
        index: the file of a seek index, which has to be that of `samples`. True: the one in its
            usual place, made now if there is none, by one process of those on the machine; a bar
            on stderr shows it. False: nothing can be cut.

    Attributes:
        index: the opened index; None if nothing can be cut.

    Raises:
        DataError: the file cannot be used, or the index cannot be made.
    """

    def __init__(self, samples: Samples, index: bool | str | os.PathLike[str] = True) -> None:
        self.index = open_index(samples, index)
        self._samples = samples
        self._own = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_own": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _own=threading.local())

    def entry(self, found: Fetched) -> Entry | None:
        """(FRAME, SEEK [n]) of a file as it is now; None where it has to be decoded whole."""
        if self.index is None or found.pixels is not None:
            return None
        number = self._samples.number(found.index)
        return self.index.lookup(number, found.stamp.size, found.stamp.mtime_ns)

    def numbers(self, indices: Indices) -> Indices:
        """Where in the index samples are, int64 [n] both."""
        return self._samples.numbers(indices)

    def counts(self, fetched: Iterable[Fetched]) -> Counter[str]:
        """How many samples were made the slow way, for `Loader.stats`; after they were cut.

        "odd": good, but PIL had to decode them. "stale": changed since they were indexed.
        "damaged": what the index says of them is.
        """
        return Counter(why for found in fetched if (why := self._why(found)))

    def rejected(self, indices: Indices) -> Counter[str]:
        """As `counts`, of samples that are not odd."""
        index, numbers = self.index, self.numbers(indices)
        if index is None or not index.rejections[numbers].any():
            return Counter()
        return Counter(why for number in numbers if (why := index.rejected(int(number))))

    def _why(self, found: Fetched) -> str:
        if found.probe.kind == Kind.ODD:
            return "odd"
        return "" if self.index is None else self.index.rejected(self._samples.number(found.index))

    def cut(self, found: Fetched, top: int, left: int, height: int, width: int) -> Cut | None:
        """A JPEG with at least this box of the picture, whose pixels are then bit for bit those of
        the whole file; None where that cannot be had."""
        entry = self.entry(found)
        if entry is None:
            return None
        frame, points = entry
        out = self._buffer("out", cut_bound(frame))
        workspace = self._buffer("workspace", workspace_bytes(frame))
        data = np.frombuffer(found.data, np.uint8)
        size, *part = cut(data, frame, points, top, left, height, width, out, workspace)
        return Cut(out[:size].copy(), *part) if size else None

    def decode(self, found: Fetched, top: int, left: int, height: int, width: int) -> Bytes | None:
        """This box of the picture, uint8 [height, width, 3], by our own decoder, bit for bit that
        of the whole file, until this thread asks for the next one; None where it cannot be had."""
        entry = self.entry(found)
        if entry is None:
            return None
        frame, points = entry
        size = 3 * height * width
        room = self._buffer("room", size + SPILL)
        workspace = self._buffer("planes", workspace_bound(frame))
        data = np.frombuffer(found.data, np.uint8)
        if not decode(data, frame, points, top, left, height, width, room, workspace):
            return None
        return room[:size].reshape(height, width, 3)

    def _buffer(self, name: str, size: int) -> Bytes:
        """This thread's buffer of at least `size` bytes."""
        buffer = getattr(self._own, name, None)
        if buffer is None or len(buffer) < size:
            buffer = np.empty(size, np.uint8)
            setattr(self._own, name, buffer)
        return buffer
