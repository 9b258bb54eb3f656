"""Writing a seek index file (`docs/index-format.md`) from the first picture to the last."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttricks.data.sections import write_header
from fasttricks.data.seek.format import FORM, RECORD, SCHEMA
from fasttricks.data.seek.source import Names
from fasttricks.kernels.jpeg.seek import FRAME, SEEK


class SeekWriter:
    """Writes an index to an empty file, picture after picture; complete after `finish`."""

    def __init__(self, file: BinaryIO, names: Names, tile_pixels: int) -> None:
        self._file = file
        self._written = 0
        count = len(names.ends)
        self._header = header = FORM.begin()
        header["count"], header["tile_pixels"] = count, tile_pixels
        header["record_size"] = RECORD.itemsize
        header["frame_size"], header["seek_size"] = FRAME.itemsize, SEEK.itemsize
        header["digest"] = np.frombuffer(names.digest, np.uint8)
        lengths = [len(SCHEMA), 8 * count, int(names.ends[-1]), RECORD.itemsize * count, 0]
        header["sections"] = FORM.layout(lengths)
        self._at(0)
        file.write(SCHEMA)
        self._at(1)
        file.write(names.ends.data)
        self._at(2)
        for piece in names.pieces():
            file.write(piece)

    def _at(self, section: int, skip: int = 0) -> None:
        self._file.seek(int(self._header["sections"]["offset"][section]) + skip)

    def add(self, records: NDArray[Any], points: bytes) -> None:
        """The next pictures: RECORD [n] with all but `first` set, and their points joined.

        Raises:
            OSError: the file cannot be written.
        """
        first = int(self._header["point_count"])
        counts = records["count"].astype(np.uint64)
        records["first"] = first + np.cumsum(counts) - counts
        self._at(3, RECORD.itemsize * self._written)
        self._file.write(records.tobytes())
        self._at(4, SEEK.itemsize * first)
        self._file.write(points)
        self._written += len(records)
        self._header["point_count"] = first + len(points) // SEEK.itemsize

    def finish(self) -> None:
        """Write the header, which makes the file an index."""
        header = self._header
        header["sections"]["length"][4] = SEEK.itemsize * int(header["point_count"])
        end = header["sections"][4]
        header["file_size"] = end["offset"] + end["length"]
        size = int(header["file_size"])
        self._file.truncate(size)
        # Files grow by that where the last sections are empty; files in memory do not.
        self._file.write(bytes(size - self._file.seek(0, os.SEEK_END)))
        write_header(self._file, header)
