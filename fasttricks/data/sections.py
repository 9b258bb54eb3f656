"""Files of a header and sections behind it, as both index files are: laid out, mapped, checked.

A header is a record with at least the members `magic`, `format`, `header_size`, `file_size` and,
last, `crc`: the CRC-32 of all before it.
"""

from __future__ import annotations

import mmap
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fasttricks.errors import DataError

ALIGN = 64
"""Sections begin at multiples of it; zeros between them."""

Buffer = mmap.mmap | bytes


@dataclass(frozen=True)
class Form:
    """A kind of such files."""

    what: str
    """For messages."""
    magic: bytes
    """What files begin with."""
    format: int
    """Version of the layout, and of what is in it."""
    header: np.dtype[Any]
    advice: str
    """What to do with one that cannot be used."""

    def begin(self) -> Any:
        """A header with what all of them share."""
        header = np.zeros((), self.header)
        header["magic"], header["format"] = self.magic, self.format
        header["header_size"] = self.header.itemsize
        return header

    def layout(self, lengths: list[int]) -> list[tuple[int, int]]:
        """(offset, length) of each section."""
        result, end = [], self.header.itemsize
        for length in lengths:
            offset = -(-end // ALIGN) * ALIGN
            result.append((offset, length))
            end = offset + length
        return result

    def check(self, buffer: Buffer, path: Path) -> Any:
        """The header of a file that begins with `magic`.

        Raises:
            DataError: another format, cut short or damaged; one line that says which.
        """
        if len(buffer) < self.header.itemsize:
            raise self._error(path, f"is cut short: {len(buffer)} bytes")
        header = np.frombuffer(buffer, self.header, 1)[0]
        if header["format"] != self.format:
            this = f"and this fasttricks reads {self.format}"
            raise self._error(path, f"has format {header['format']} {this}")
        if header["crc"] != header_crc(header):
            raise self._error(path, "is damaged: its header's checksum is wrong")
        size = int(header["file_size"])
        if len(buffer) != size:
            what = "is cut short" if len(buffer) < size else "has grown"
            raise self._error(path, f"{what}: {len(buffer)} bytes where {size} were written")
        return header

    def _error(self, path: Path, problem: str) -> DataError:
        return DataError(f"the {self.what} {path} {problem}; {self.advice}")


def map_file(file: BinaryIO) -> Buffer:
    """All of a file, for reading; nothing of it is read yet."""
    if os.fstat(file.fileno()).st_size == 0:  # which cannot be mapped
        return b""
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def header_crc(header: Any) -> int:
    """What member `crc` has to be."""
    return zlib.crc32(header.tobytes()[:-4])


def write_header(file: BinaryIO, header: Any) -> None:
    """Complete a header, and with it the file, which is flushed."""
    header["crc"] = header_crc(header)
    file.seek(0)
    file.write(header.tobytes())
    file.flush()
