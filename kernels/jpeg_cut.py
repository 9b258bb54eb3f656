"""Cutting a box out of a JPEG without decoding it.

The result is a smaller ordinary baseline JPEG: of every row of MCUs under the box, the bits of the
MCUs that are needed are copied. Only DC coefficients depend on what lies outside, being coded as
differences from the block before; so the first one of each component in each row is coded anew,
and everything behind it stays right. Restart markers are dropped: what follows one is treated like
the begin of a row.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg_bits import PAD, Bytes, copy_bits, i64, put, stuff, unstuff
from fasttricks.kernels.jpeg_huffman import position, read_codes, read_dc, skip_ac, start_at
from fasttricks.kernels.jpeg_rewrite import ENCODER, HEADER_BYTES, put_dc, write_header
from fasttricks.kernels.jpeg_seek import (
    Frame,
    Points,
    describes,
    known_after,
    known_before,
    mcu_count,
    point_bit,
    point_dc,
    point_index,
)
from fasttricks.kernels.jpeg_segments import EOI, OK, RST0, RST7, read_header
from fasttricks.kernels.jpeg_walk import READER, walk

Cut = tuple[int, int, int, int, int]
Cutter: TypeAlias = Any
Ints = NDArray[np.int64]

MARGIN = 4
"""Samples of the coarsest component that are kept around the box.

"Fancy" upsampling makes a pixel from two neighbouring samples in each direction, and needs at least
three samples in a row to do so; and four samples are half a block.
"""

CUTTER = np.dtype(
    [("reader", READER), ("encoder", ENCODER), ("predicted", np.int64, (3,))], align=True
)
"""What reads the picture and what writes the cut, whose DC predictors are `predicted`."""

_CUTTER_BYTES = CUTTER.itemsize
_ALIGN = 64

_GROWTH = 12  # bytes by which a run may grow: three DC differences, at most 31 bits for 2


@kernel
def workspace_bytes(frame: Frame) -> int:
    """Bytes of workspace with which `cut` can cut any box out of a file."""
    data = 2 * (_coded_bytes(frame) + PAD) + _most_growth(frame)
    return _ALIGN + _CUTTER_BYTES + data


@kernel
def cut_bound(frame: Frame) -> int:
    """Bytes that suffice for any cut of a file, even one whose bytes all have to be stuffed.

    In practice a cut is hardly ever larger than the file.
    """
    return HEADER_BYTES + 2 * (_coded_bytes(frame) + _most_growth(frame)) + 4


@kernel
def _coded_bytes(frame: Frame) -> int:
    return max(i64(frame.end) - frame.begin, 0)


@kernel
def _most_growth(frame: Frame) -> int:
    restarts = mcu_count(frame) // frame.interval if frame.interval else 0
    return _GROWTH * (i64(frame.mcu_rows) + restarts)


@kernel
def cut(
    data: Bytes,
    frame: Frame,
    points: Points,
    top: int,
    left: int,
    height: int,
    width: int,
    out: Bytes,
    workspace: Bytes,
) -> Cut:
    """Write a JPEG that contains a box of the picture.

    Decoding it and taking the box gives, bit for bit, the pixels of decoding the whole file and
    taking the box, for any decoder that upsamples from at most `MARGIN` neighbouring samples.
    Neither damaged `data` nor a `frame` and `points` of another file lead to access outside the
    arrays, but may lead to a cut of other pixels.

    Args:
        data: uint8 [N], the whole file, contiguous.
        frame: FRAME, as `seek_points` leaves it.
        points: SEEK [frame.points].
        top, left, height, width: the box, in pixels as stored.
        out: uint8; `cut_bound(frame)` bytes always suffice.
        workspace: uint8, one per thread, any content; `workspace_bytes(frame)` always suffice.

    Returns:
        (bytes, top0, left0, height0, width0): what was written to `out`, and which box of the
        picture it holds. All 0 if the box cannot be cut: the status is not 0, the box is empty or
        not inside the picture, `out` or `workspace` is too small, or damage was met.
    """
    room = -workspace.ctypes.data % _ALIGN + _CUTTER_BYTES
    if workspace.size < room:
        return 0, 0, 0, 0, 0
    cutter = workspace[room - _CUTTER_BYTES : room].view(CUTTER)[0]
    header = cutter.reader.header
    if frame.status != OK or read_header(data, header) != OK or not describes(frame, header):
        return 0, 0, 0, 0, 0
    if points.size != frame.points or frame.end > len(data) or out.size < HEADER_BYTES:
        return 0, 0, 0, 0, 0
    if top < 0 or height <= 0 or top + height > frame.height:
        return 0, 0, 0, 0, 0
    if left < 0 or width <= 0 or left + width > frame.width:
        return 0, 0, 0, 0, 0
    row0, row1 = _span(top, height, header.height, header.v, header.components)
    col0, col1 = _span(left, width, header.width, header.h, header.components)
    top0, left0 = row0 * header.mcu_height, col0 * header.mcu_width
    height0 = min(row1 * header.mcu_height, header.height) - top0
    width0 = min(col1 * header.mcu_width, header.width) - left0
    start = write_header(data, header, height0, width0, out, cutter.encoder)
    read_codes(data, header, cutter.reader.codes)
    first, last = row0 * header.mcus_per_row + col0, (row1 - 1) * header.mcus_per_row + col1
    rest = workspace[room:]
    end = _write_rows(data, frame, points, first, last, col1 - col0, cutter, rest, out, start)
    return (end, top0, left0, height0, width0) if end else (0, 0, 0, 0, 0)


@kernel
def _span(first: int, count: int, size: int, factors: Ints, components: int) -> tuple[int, int]:
    """The half-open range of MCUs, along one axis, that pixels [first, first + count) need."""
    finest, coarsest = 1, 4
    for c in range(components):
        finest, coarsest = max(finest, factors[c]), min(coarsest, factors[c])
    margin = 0 if finest == coarsest else -(-MARGIN * finest // coarsest)
    low, high = max(0, first - margin), min(size, first + count + margin)
    mcu = 8 * finest
    return low // mcu, (high + mcu - 1) // mcu


@kernel
def _write_rows(
    data: Bytes,
    frame: Frame,
    points: Points,
    first: int,
    last: int,
    columns: int,
    cutter: Cutter,
    room: Bytes,
    out: Bytes,
    start: int,
) -> int:
    """Write the data of MCUs [first, last), `columns` of each row; where they end, 0 on failure."""
    half = _coded_bytes(frame) + PAD
    if room.size < half + PAD:
        return 0
    clean, bits = room[:half], room[half:]
    bits[0] = 0
    for c in range(3):
        cutter.predicted[c] = 0
    interval = i64(frame.interval)
    stride = i64(frame.mcus_per_row)
    if columns == stride:  # whole rows follow each other
        columns = stride = last - first
    at = 0
    for row in range(first, last, stride):
        m, end = row, row + columns
        while m < end:
            stop = min(end, m - m % interval + interval) if interval else end
            at = _append_run(data, frame, points, m, stop, cutter, clean, bits, at)
            if at < 0:
                return 0
            m = stop
    at = put(bits, at, 127, 7)  # the last byte is filled up with ones
    behind = stuff(bits, at >> 3, out, start)
    if behind < 0 or behind + 2 > out.size:
        return 0
    out[behind], out[behind + 1] = 0xFF, EOI
    return behind + 2


@kernel
def _append_run(
    data: Bytes,
    frame: Frame,
    points: Points,
    first: int,
    last: int,
    cutter: Cutter,
    clean: Bytes,
    bits: Bytes,
    at: int,
) -> int:
    """Append MCUs [first, last), no restart marker between them, to `bits` at position `at`.

    `clean` must have room for the data of the run and PAD bytes.

    Returns:
        The position behind, or -1 on failure.
    """
    reader = cutter.reader
    before, near = known_before(frame, first), known_before(frame, last)
    begin = _restore(data, frame, points, before, reader.dc)
    middle = point_bit(points[point_index(frame, near)]) if near > first else begin
    end = point_bit(points[point_index(frame, known_after(frame, last))])
    if not 8 * i64(frame.begin) <= begin <= middle <= end <= 8 * i64(frame.end):
        return -1
    size, stop = unstuff(data, begin >> 3, middle >> 3, clean, 0)
    jump = 8 * size + (middle & 7)
    if stop != middle >> 3:
        return -1
    size, stop = unstuff(data, stop, (end + 7) >> 3, clean, size)
    if stop != (end + 7) >> 3 or (at >> 3) + size + _GROWTH + 16 > bits.size:
        return -1
    end = 8 * size - (-end & 7)
    pos = walk(clean, begin & 7, end, first - before, reader)
    if pos < 0:
        return -1
    copied, at = _recode(clean, pos, end, cutter, bits, at)
    if copied < 0:
        return -1
    if near > first:
        pos = jump
        for c in range(3):
            reader.dc[c] = point_dc(points[point_index(frame, near)], c)
    pos = walk(clean, pos, end, last - max(near, first), reader)
    if pos < copied:
        return -1
    for c in range(3):
        cutter.predicted[c] = reader.dc[c]
    return copy_bits(clean, copied, pos, bits, at)


@kernel
def _restore(data: Bytes, frame: Frame, points: Points, m: int, dc: Ints) -> int:
    """The position where MCU `m`, which has a point, begins, and in `dc` its predictors."""
    point = points[point_index(frame, m)]
    bit = point_bit(point)
    for c in range(3):
        dc[c] = point_dc(point, c)
    if frame.interval == 0 or m == 0 or m % frame.interval != 0:
        return bit
    for c in range(3):
        dc[c] = 0
    end = i64(frame.end)
    at = (bit + 7) >> 3
    if at >= end:
        return -1
    if bit & 7 and data[at - 1] == 0xFF:  # a stuffed byte follows
        at += 1
    while at < end and data[at] == 0xFF:
        at += 1
    if at >= end or not RST0 <= data[at] <= RST7:
        return -1
    return 8 * (at + 1)


@kernel
def _recode(
    clean: Bytes, pos: int, end: int, cutter: Cutter, bits: Bytes, at: int
) -> tuple[int, int]:
    """Append the first MCU of a run up to its last component's first DC difference.

    Returns:
        The position up to which `clean` has been copied, -1 on failure, and the one in `bits`.
    """
    header, codes, dc = cutter.reader.header, cutter.reader.codes, cutter.reader.dc
    copied = pos
    window = start_at(clean, pos)
    for b in range(header.blocks):
        c = header.owner[b]
        pos = position(window)
        difference, window = read_dc(clean, *window, codes[header.dc[c]])
        behind = position(window)
        if not 0 <= behind <= end:
            break
        if b == 0 or header.owner[b - 1] != c:
            at = copy_bits(clean, copied, pos, bits, at)
            difference += dc[c] - cutter.predicted[c]
            at = put_dc(bits, at, difference, header.dc[c], cutter.encoder)
            copied = behind
            if at < 0:
                break
            if c == header.components - 1:
                return copied, at
        window = skip_ac(clean, *window, codes[header.ac[c]])
        if not 0 <= position(window) <= end:
            break
    return -1, at
