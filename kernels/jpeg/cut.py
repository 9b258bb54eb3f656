"""Cutting a box out of a JPEG without decoding it.

The result is a smaller ordinary baseline JPEG: of every row of MCUs under the box, the bits of the
MCUs that are needed are copied. Restart markers are dropped: what follows one is treated like the
begin of a row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import PAD, Bytes, i64, put, stuff
from fasttricks.kernels.jpeg.huffman import read_codes
from fasttricks.kernels.jpeg.points import Frame, Points, describes, mcu_count
from fasttricks.kernels.jpeg.rewrite import HEADER_BYTES, write_header
from fasttricks.kernels.jpeg.run import CUTTER, GROWTH, Cutter, append_run
from fasttricks.kernels.jpeg.segments import EOI, OK, Header, read_header

Cut = tuple[int, int, int, int, int]
Ints = NDArray[np.int64]

MARGIN = 4
"""Samples of the coarsest component that are kept around the box.

"Fancy" upsampling makes a pixel from two neighbouring samples in each direction, and needs at least
three samples in a row to do so; and four samples are half a block.
"""

_CUTTER_BYTES = CUTTER.itemsize
_ALIGN = 64


@kernel
def workspace_bytes(frame: Frame) -> int:
    """Bytes of workspace with which `cut` can cut any box out of a file."""
    data = 2 * (coded_bytes(frame) + PAD) + _most_growth(frame)
    return _ALIGN + _CUTTER_BYTES + data


@kernel
def cut_bound(frame: Frame) -> int:
    """Bytes that suffice for any cut of a file, even one whose bytes all have to be stuffed.

    In practice a cut is hardly ever larger than the file.
    """
    return HEADER_BYTES + 2 * (coded_bytes(frame) + _most_growth(frame)) + 4


@kernel
def coded_bytes(frame: Frame) -> int:
    return max(i64(frame.end) - frame.begin, 0)


@kernel
def _most_growth(frame: Frame) -> int:
    restarts = mcu_count(frame) // frame.interval if frame.interval else 0
    return GROWTH * (i64(frame.mcu_rows) + restarts)


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
    used = -workspace.ctypes.data % _ALIGN + _CUTTER_BYTES
    if workspace.size < used:
        return 0, 0, 0, 0, 0
    cutter = workspace[used - _CUTTER_BYTES : used].view(CUTTER)[0]
    header = cutter.reader.header
    if not is_inside(data, frame, points, top, left, height, width, header):
        return 0, 0, 0, 0, 0
    if out.size < HEADER_BYTES:
        return 0, 0, 0, 0, 0
    row0, row1 = span(top, height, header.height, header.v, header.components)
    col0, col1 = span(left, width, header.width, header.h, header.components)
    top0, left0 = row0 * header.mcu_height, col0 * header.mcu_width
    height0 = min(row1 * header.mcu_height, header.height) - top0
    width0 = min(col1 * header.mcu_width, header.width) - left0
    start = write_header(data, header, height0, width0, out, cutter.encoder)
    read_codes(data, header, cutter.reader.codes)
    first, last = row0 * header.mcus_per_row + col0, (row1 - 1) * header.mcus_per_row + col1
    room = workspace[used:]
    end = _write_rows(data, frame, points, first, last, col1 - col0, cutter, room, out, start)
    return (end, top0, left0, height0, width0) if end else (0, 0, 0, 0, 0)


@kernel
def is_inside(
    data: Bytes,
    frame: Frame,
    points: Points,
    top: int,
    left: int,
    height: int,
    width: int,
    header: Header,
) -> bool:
    """Whether a file, whose `header` is read, its frame and its points belong together, and a box
    is one of pixels of the picture."""
    if frame.status != OK or read_header(data, header) != OK or not describes(frame, header):
        return False
    if points.size != frame.points or frame.end > len(data):
        return False
    if top < 0 or height <= 0 or top + height > frame.height:
        return False
    return left >= 0 and width > 0 and left + width <= frame.width


@kernel
def span(first: int, count: int, size: int, factors: Ints, components: int) -> tuple[int, int]:
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
    half = coded_bytes(frame) + PAD
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
            at = append_run(data, frame, points, m, stop, cutter, clean, bits, at)
            if at < 0:
                return 0
            m = stop
    at = put(bits, at, 127, 7)  # the last byte is filled up with ones
    behind = stuff(bits, at >> 3, out, start)
    if behind < 0 or behind + 2 > out.size:
        return 0
    out[behind], out[behind + 1] = 0xFF, EOI
    return behind + 2
