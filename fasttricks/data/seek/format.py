"""The seek index file byte for byte, and finding the parts of one (`docs/index-format.md`).

Another reader can be written from that page; what the parts are for stands in `seek.file`.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttricks.data.sections import Buffer, Form, map_file
from fasttricks.errors import DataError
from fasttricks.kernels.jpeg.seek import FRAME, SEEK
from fasttricks.kernels.jpeg.segments import REASONS

MAGIC = b"\x89FTSEEK\n"
FORMAT = 1
"""Raised when the layout changes, or the meaning of what the kernels put into it."""
SECTIONS = ("schema", "name_ends", "names", "records", "points")
"""In this order, each at a multiple of ALIGN bytes; zeros between them."""

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("format", "<u4"),
        ("header_size", "<u4"),
        ("file_size", "<u8"),
        ("count", "<u8"),
        ("point_count", "<u8"),
        ("tile_pixels", "<u4"),
        ("record_size", "<u4"),
        ("frame_size", "<u4"),
        ("seek_size", "<u4"),
        ("digest", "u1", (32,)),
        ("sections", [("offset", "<u8"), ("length", "<u8")], (len(SECTIONS),)),
        ("reserved", "u1", (20,)),
        ("crc", "<u4"),
    ]
)

INDEXED, WHOLE, UNREADABLE = 0, 1, 2
"""Kinds of a record: it has points; it must be decoded whole, its frame's status says why; it could
not be read when the index was made, `error` is the errno."""

ADVICE = "make it again with: fasttricks index DATA"
REFRESH = "index them again with: fasttricks index DATA --refresh"
"""Of an index that is sound except for some pictures: without the flag it is left as it is."""


FORM = Form("seek index", MAGIC, FORMAT, HEADER, ADVICE)


RECORD = np.dtype(
    [
        ("first", "<u8"),
        ("crc", "<u4"),
        ("count", "<u4"),
        ("size", "<u8"),
        ("mtime_ns", "<i8"),
        ("error", "<u4"),
        ("kind", "u1"),
        ("reserved", "u1", (3,)),
        ("frame", FRAME),
    ]
)
"""A picture's record: 40 bytes of ours, then its frame; a multiple of 8 bytes.

crc: CRC-32 of the record from `count` on, then of the picture's points. `first` is left out, so
that a record can be copied to another index.
"""

OWN_PART = struct.Struct("<QIIQqIB")
"""A record's members before `reserved`; takes a tenth of the time that NumPy takes for them."""
CRC_FROM = 12
"""Where `count` begins in a record, the first of what its checksum is of."""


def checksum(record: bytes | memoryview, points: bytes | memoryview) -> int:
    """What member `crc` of a record has to be."""
    return zlib.crc32(points, zlib.crc32(record[CRC_FROM:]))


def _members(dtype: np.dtype[Any]) -> list[list[Any]]:
    """[name, type, offset, shape] of each member, the type as in NumPy ("<u2")."""
    found = []
    for name, (type_, offset, *_) in (dtype.fields or {}).items():
        kind = _members(type_.base) if type_.base.fields else type_.base.str
        found.append([name, kind, offset, list(type_.shape)])
    return found


_SCHEMA = {"frame": _members(FRAME), "seek": _members(SEEK), "reasons": list(REASONS)}
SCHEMA = json.dumps(_SCHEMA, separators=(",", ":")).encode()
"""The layout of FRAME and SEEK and the texts of `status`, as JSON."""


class Opened(NamedTuple):
    """An index's content, not copied out of its buffer."""

    buffer: Buffer
    header: Any
    ends: NDArray[np.uint64]
    names: memoryview
    records: NDArray[Any]
    points: NDArray[Any]
    reasons: list[str]
    file: int | None = None
    """Descriptor of the very file that is mapped, for the code that has to close it."""


def open_file(path: Path) -> Opened:
    """Map an index into memory and check its header.

    Raises:
        DataError: see `parse`, or the file cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            return parse(map_file(file), path)._replace(file=os.dup(file.fileno()))
    except OSError as error:
        raise DataError(f"cannot open the seek index {path}: {error.strerror}") from error


def parse(buffer: Buffer, path: Path) -> Opened:
    """Check the header of an index and find its sections; nothing else is read.

    Raises:
        DataError: not an index, of another format, cut short or damaged; one line that says which.
    """
    if buffer[: len(MAGIC)] != MAGIC:
        raise DataError(f"{path} is not a seek index")
    header = FORM.check(buffer, path)
    count, points = int(header["count"]), int(header["point_count"])
    offset, length = header["sections"]["offset"].tolist(), header["sections"]["length"].tolist()
    sizes = [length[0], 8 * count, length[2], RECORD.itemsize * count, SEEK.itemsize * points]
    reasons = _reasons(buffer[offset[0] : offset[0] + length[0]])
    if (
        reasons is None
        or (header["record_size"], header["frame_size"], header["seek_size"])
        != (RECORD.itemsize, FRAME.itemsize, SEEK.itemsize)
        or [tuple(s) for s in header["sections"].tolist()] != FORM.layout(sizes)
        or offset[-1] + length[-1] != header["file_size"]
    ):
        raise DataError(
            f"the seek index {path} was written by another fasttricks, whose records differ; "
            f"{ADVICE}"
        )
    return Opened(
        buffer,
        header,
        np.frombuffer(buffer, "<u8", count, offset[1]),
        memoryview(buffer)[offset[2] : offset[2] + length[2]],
        np.frombuffer(buffer, RECORD, count, offset[3]),
        np.frombuffer(buffer, SEEK, points, offset[4]),
        reasons,
    )


def _reasons(text: bytes) -> list[str] | None:
    """The texts of `status`, if the records are laid out as ours, else None."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        told = json.loads(text)
        if (told["frame"], told["seek"]) == (_SCHEMA["frame"], _SCHEMA["seek"]):
            return [str(reason) for reason in told["reasons"]]
    return None
