"""A data set as the pipelines see it: encoded pictures by index, and their targets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fasttricks.errors import BadSampleError, DataError

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview


class Samples:
    """Encoded pictures, as paths or as bytes, with one target each.

    Paths are kept in one block of bytes, so that a million of them cost about 60 MB, are pickled to
    workers in one piece and never touch Python's reference counts there.

    Args:
        pictures: N file paths, or N encoded pictures (whole JPEG, PNG, ... files as bytes).
        targets: [N] or [N, K] numbers of any dtype; None gives zeros (int64).
        classes: names of the classes, where targets are class indices.

    Raises:
        DataError: no pictures, or not as many targets as pictures.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        targets: npt.ArrayLike | None = None,
        *,
        classes: Sequence[str] = (),
    ) -> None:
        if len(pictures) == 0:
            raise DataError("the data set holds no pictures")
        self.in_memory = not isinstance(pictures[0], str | os.PathLike)
        chunks = [bytes(p) if self.in_memory else os.fsencode(p) for p in pictures]  # type: ignore[arg-type]
        lengths = np.fromiter(map(len, chunks), np.int64, len(chunks))
        self._ends = np.cumsum(lengths)
        self._block = b"".join(chunks)
        self.targets = np.zeros(len(chunks), np.int64) if targets is None else np.asarray(targets)
        self.classes = list(classes)
        if len(self.targets) != len(chunks):
            raise DataError(f"{len(chunks)} pictures but {len(self.targets)} targets")
        if self.targets.dtype == object:
            raise DataError("targets must be numbers: an array [N] or [N, K]")

    def __len__(self) -> int:
        return len(self._ends)

    def __repr__(self) -> str:
        where = "in memory" if self.in_memory else "files"
        return f"Samples({len(self)} {where}, {len(self.classes)} classes)"

    def _piece(self, index: int) -> bytes:
        start = int(self._ends[index - 1]) if index else 0
        return self._block[start : int(self._ends[index])]

    def path(self, index: int) -> Path | None:
        """The file of a sample; None for pictures given as bytes."""
        return None if self.in_memory else Path(os.fsdecode(self._piece(index)))

    def name(self, index: int) -> str:
        """What to call a sample in a message: its path, or "sample <index>"."""
        return f"sample {index}" if self.in_memory else os.fsdecode(self._piece(index))

    def read(self, index: int) -> bytes:
        """The encoded bytes of one sample.

        Raises:
            BadSampleError: the file cannot be read.
        """
        piece = self._piece(index)
        if self.in_memory:
            return piece
        try:
            with open(piece, "rb", buffering=0) as file:
                data = file.readall()
        except OSError as error:
            raise BadSampleError(
                index, self.name(index), f"cannot be read: {error.strerror}"
            ) from error
        return data or b""
