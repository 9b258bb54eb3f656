"""Reading pictures a piece of a batch at a time, compiled: bytes, geometry, seek points.

Handles the common case only; anything unusual (a fault, a file that is missing or changes, an index
that does not fit) goes to Python, which also words the errors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttricks.data import libc
from fasttricks.data.jpeg_frame import PLAIN, Bytes
from fasttricks.data.jpeg_header import walk
from fasttricks.data.places import FILE, MEMORY, NO_BYTES, SLICE, Places
from fasttricks.data.probe import most_pixels
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import CRC_FROM, INDEXED, RECORD, UNREADABLE
from fasttricks.kernels.crc32 import crc32
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import i64
from fasttricks.kernels.jpeg.seek import FRAME, SEEK

FOUND = np.dtype(
    [
        ("plain", "<i8"),
        ("data", "<u8"),
        ("size", "<i8"),
        ("mtime_ns", "<i8"),
        ("height", "<i8"),
        ("width", "<i8"),
        ("points", "<u8"),
        ("count", "<i8"),
    ]
)
"""A picture: `plain` is 1 where all of this holds and `fasttricks.data.probe` would say PLAIN; the
address and number of its bytes; the rest of its `Stamp`; its pixels as stored; the address and
number of its seek points, 0 where it has to be decoded whole."""

_SEEK_BYTES = SEEK.itemsize
_KNOWN = RECORD[[name for name in RECORD.names or () if name != "padding"]]
"""A record without its padding, which may have no bytes: numba has no such members."""
_ALIGN = 64


class Index(NamedTuple):
    """A seek index as compiled code takes it; made by `index_of`."""

    records: NDArray[Any]
    """[N], none at all where there is no index."""
    record_bytes: Bytes
    """[N, bytes of a record]"""
    rejections: Bytes
    """See `SeekIndex.rejections`."""
    points: Bytes
    """SEEK [P] as bytes; not to be looked at where there is a file."""
    file: int
    points_at: int
    """See `SeekIndex.points_file`."""


def index_of(index: SeekIndex | None) -> Index:
    """What compiled code needs of an index, which must outlive it."""
    if index is None:
        as_bytes = NO_BYTES.reshape(0, RECORD.itemsize)
        return Index(NO_BYTES.view(_KNOWN), as_bytes, NO_BYTES, NO_BYTES, -1, 0)
    records = index.records.view(_KNOWN)
    as_bytes = index.records.view(np.uint8).reshape(len(records), -1)
    points = index.points.view(np.uint8)
    return Index(records, as_bytes, index.rejections, points, *index.points_file)


def read_plain(
    places: Places, index: Index, numbers: NDArray[np.int64], room: Bytes
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Read the plain ones of n pictures, without the GIL.

    Args:
        places: of the pictures.
        index: their seek index.
        numbers: int64 [n], the pictures' places in the index.
        room: uint8, where to put bytes and points; pictures that do not fit are left to Python.

    Returns:
        (FOUND [n], FRAME [n]). They point into `room` and `places.block`.
    """
    found, frames = np.zeros(len(numbers), FOUND), np.zeros(len(numbers), FRAME)
    room = room.view()
    room.flags.writeable = False  # only the C library writes; one compiled `walk` suffices
    if libc.AVAILABLE:
        _read_plain(*places[:2], index, numbers, most_pixels(), room, found, frames)
    return found, frames


@kernel
def _read_plain(
    places: NDArray[Any],
    block: Bytes,
    index: Index,
    numbers: NDArray[np.int64],
    most: int,
    room: Bytes,
    found: NDArray[Any],
    frames: NDArray[Any],
) -> None:
    name, status = np.empty(libc.MOST_NAME, np.uint8), np.empty(libc.STATUS_BYTES, np.uint8)
    used = 0
    for i in range(len(places)):
        here = found[i]
        if places[i].kind == MEMORY:
            data = block[places[i].at : places[i].at + places[i].size]
        else:
            begin, end = _fetch(places[i], block, room, used, name, status, here)
            data = room[begin:end]
            used = (end + _ALIGN - 1) // _ALIGN * _ALIGN
        if not _probe(data, most, here):
            continue
        if index.rejections.size and index.rejections[numbers[i]] == 0:
            used = _look_up(index, numbers[i], room, used, here)
            if here.count > 0:
                frames[i] = index.records[numbers[i]].frame
        else:
            here.plain = 1


@kernel
def _fetch(
    place: Any, block: Bytes, room: Bytes, used: int, name: Bytes, status: Bytes, here: Any
) -> tuple[int, int]:
    """Read a picture that is no memory to `room[used:]`; where it is there, empty if it is not."""
    if place.kind == SLICE:
        here.mtime_ns = place.mtime_ns
        size = place.header + place.size
        if not 0 < size <= room.size - used:
            return used, used
        address = room.ctypes.data + used
        if libc.read_at(place.descriptor, address, size, place.at) != size:
            return used, used
        begin = used + place.header
        if place.header and crc32(room[used:begin], np.uint32(0)) != place.header_crc:
            return used, used
        return begin, used + size
    if place.kind != FILE or place.size >= name.size:
        return used, used
    name[: place.size] = block[place.at : place.at + place.size]
    name[place.size] = 0
    descriptor = libc.open_file(name)
    if descriptor < 0:
        return used, used
    end = used + _fetch_open(descriptor, room, used, status, here)
    libc.close_file(descriptor)
    return used, end


@kernel
def _fetch_open(descriptor: int, room: Bytes, used: int, status: Bytes, here: Any) -> int:
    """Read a whole file; how many bytes, 0 if it cannot be had whole."""
    size, mtime_ns = libc.status(descriptor, status)
    here.mtime_ns = mtime_ns
    if not 0 < size < room.size - used:
        return 0
    # A byte more is asked for: a file that grows is not read whole.
    return size if libc.read_at(descriptor, room.ctypes.data + used, size + 1, 0) == size else 0


@kernel
def _probe(data: Bytes, most: int, here: Any) -> bool:
    """Note what is known of a picture; whether it is plain."""
    here.data, here.size = data.ctypes.data, len(data)
    fault, doubt, here.height, here.width, _, _, _ = walk(data)
    return fault == PLAIN and doubt == 0 and here.height * here.width <= most


@kernel
def _look_up(index: Index, number: int, room: Bytes, used: int, here: Any) -> int:
    """`SeekIndex.lookup`, but that what has to be rejected is left to it; the end of what is used.

    `here.plain` becomes 1 unless it is.
    """
    record = index.records[number]
    if i64(record.size) != here.size or record.mtime_ns != here.mtime_ns:
        here.plain = record.kind == UNREADABLE
        return used
    if record.kind != INDEXED:
        here.plain = 1
        return used
    total = index.points.size // _SEEK_BYTES
    first, count = i64(record.first), i64(record.count)
    if not (0 <= first <= total and count <= total - first):
        return used
    begin, size = _SEEK_BYTES * first, _SEEK_BYTES * count
    if index.file < 0:
        points = index.points[begin : begin + size]
    else:
        if size > room.size - used:
            return used
        address = room.ctypes.data + used
        if libc.read_at(index.file, address, size, index.points_at + begin) != size:
            return used
        points = room[used : used + size]
        used += (size + _ALIGN - 1) // _ALIGN * _ALIGN
    if crc32(points, crc32(index.record_bytes[number, CRC_FROM:], np.uint32(0))) == record.crc:
        here.points, here.count, here.plain = points.ctypes.data, count, 1
    return used
