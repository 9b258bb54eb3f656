"""Making the seek index of a JPEG: one walk over its Huffman codes, without decoding it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import PAD, Bytes, count_ff, i64, unstuff
from fasttricks.kernels.jpeg.huffman import read_codes
from fasttricks.kernels.jpeg.points import (
    FRAME,
    MOST_BYTES,
    SEEK,
    Frame,
    Points,
    describes,
    known_after,
    mcu_count,
    pack,
    point_count,
    point_index,
    tiles_per_row,
)
from fasttricks.kernels.jpeg.segments import (
    BAD_RESTARTS,
    CORRUPT,
    EOI,
    HEADER,
    NO_END,
    OK,
    RST0,
    SEVERAL_SCANS,
    SOS,
    TOO_LARGE,
    read_header,
)
from fasttricks.kernels.jpeg.walk import READER, Reader, walk

__all__ = ["FRAME", "SEEK", "TILE_PIXELS", "inspect", "seek_points"]

TILE_PIXELS = 768
"""Default area of a tile: 3 MCUs of 16 x 16 pixels, 12 of 8 x 8. An area and not a width, so that
the index of a picture is equally large whatever its chroma layout is."""


@kernel
def inspect(data: Bytes, tile_pixels: int, frame: Frame) -> int:
    """Read a file's header.

    Args:
        data: uint8 [N], the whole file, contiguous.
        tile_pixels: area of a tile in pixels, at least 1; `TILE_PIXELS` is a good choice.
        frame: FRAME, all of it is written. Where the file cannot be cut, `status` tells why, and
            height, width and components are known (not checked) if its frame header was reached.

    Returns:
        The number of seek points that `seek_points` will write; 0 if the file cannot be cut.
    """
    # A record does not keep the array alive that it lies in; an argument lives until the return.
    return _inspect(data, tile_pixels, frame, np.zeros(1, HEADER))


@kernel
def _inspect(data: Bytes, tile_pixels: int, frame: Frame, memory: NDArray[np.void]) -> int:
    header = memory[0]
    status = read_header(data, header)
    if status == OK and len(data) > MOST_BYTES:
        status = TOO_LARGE
    frame.height, frame.width = header.height, header.width
    frame.components, frame.status = header.components, status
    frame.mcu_rows = frame.mcus_per_row = frame.tile = frame.interval = 0
    frame.mcu_height = frame.mcu_width = 0
    frame.begin = frame.end = frame.points = frame.reserved = 0
    if status != OK:
        return 0
    area = header.mcu_height * header.mcu_width
    frame.tile = min(max(tile_pixels // area, 1), header.mcus_per_row)
    frame.mcu_rows, frame.mcus_per_row = header.mcu_rows, header.mcus_per_row
    frame.interval, frame.begin = header.interval, header.begin
    frame.mcu_height, frame.mcu_width = header.mcu_height, header.mcu_width
    frame.points = point_count(frame)
    return i64(frame.points)


@kernel
def seek_points(data: Bytes, frame: Frame, points: Points) -> int:
    """Walk over all Huffman codes of a file once and note the seek points.

    Args:
        data: uint8 [N], as given to `inspect`.
        frame: FRAME that `inspect` has written; `end` is filled in here, and `status` if the file
            turns out to be damaged.
        points: SEEK [frame.points].

    Returns:
        0, or the status, an index of `REASONS`; then `points` are not to be used.

    Raises:
        ValueError: `frame` and `points` do not belong to these bytes.
    """
    frame.status, frame.end = _seek(data, frame, points, np.zeros(1, READER))
    return i64(frame.status)


@kernel
def _seek(data: Bytes, frame: Frame, points: Points, memory: NDArray[np.void]) -> tuple[int, int]:
    """The status, and the index of the marker behind the entropy-coded data."""
    reader = memory[0]
    header = reader.header
    status = read_header(data, header)
    if status != OK or not describes(frame, header) or points.size != frame.points:
        raise ValueError("seek_points: data, frame and points do not belong together")
    read_codes(data, header, reader.codes)
    clean = np.empty(len(data) - header.begin + PAD, np.uint8)
    m, pos, total = 0, header.begin, mcu_count(frame)
    _note(frame, 0, 8 * pos, reader.dc, points)
    while True:
        size, stop = unstuff(data, pos, len(data), clean, 0)
        last = min(total, m + header.interval) if header.interval else total
        left = _interval(frame, reader, clean, 8 * size, m, last, pos, points)
        if not 0 <= left < 8:
            return CORRUPT, 0
        pos = stop
        while pos < len(data) and data[pos] == 0xFF:  # fill bytes are legal
            pos += 1
        marker = data[pos] if pos < len(data) else 0
        if last == total:
            if marker == SOS:
                return SEVERAL_SCANS, 0
            return OK if marker == EOI else NO_END, stop
        if marker != RST0 + (last // header.interval - 1) % 8:
            return BAD_RESTARTS, 0
        m = last
        pos += 1
        for c in range(3):
            reader.dc[c] = 0


@kernel
def _interval(
    frame: Frame,
    reader: Reader,
    clean: Bytes,
    end: int,
    m: int,
    last: int,
    pos: int,
    points: Points,
) -> int:
    """Note the points behind MCUs [m, last), whose data begin at data[pos]; how many bits are left.

    -1 if the data are damaged.
    """
    at = seen = 0
    while m < last:
        known = known_after(frame, m + 1)
        at = walk(clean, at, end, known - m, reader)
        if at < 0:
            return -1
        pos += (at >> 3) - seen + count_ff(clean, seen, at >> 3)
        seen = at >> 3
        m = known
        _note(frame, m, 8 * pos + (at & 7), reader.dc, points)
    return end - at


@kernel
def _note(frame: Frame, m: int, bit: int, dc: NDArray[np.int64], points: Points) -> None:
    state = pack(bit, dc)
    points[point_index(frame, m)].state = state
    column = m % frame.mcus_per_row
    if column % frame.tile == 0:  # if a restart marker follows, there are two points
        index = m // frame.mcus_per_row * tiles_per_row(frame) + column // frame.tile
        points[index].state = state
