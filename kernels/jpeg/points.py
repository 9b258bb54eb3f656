"""What a seek index holds of a JPEG: its geometry, and places where decoding may begin.

To begin with MCU number m, one has to know where it begins and what DC prediction has come to. A
*seek point* holds both. There is one for each `tile` MCUs of each row of MCUs, one behind the last
MCU, and one for each restart marker, behind the MCU before it: so the ends of all rows and restart
intervals are known too. The number m of a point follows from its index.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes, i64
from fasttricks.kernels.jpeg.segments import OK, RST0, RST7, Header

Frame: TypeAlias = Any
"""A record of type `FRAME`, which compiled code passes by reference."""
Points: TypeAlias = NDArray[np.void]

FRAME = np.dtype(
    [
        ("height", "<u2"),
        ("width", "<u2"),
        ("mcu_rows", "<u2"),
        ("mcus_per_row", "<u2"),
        ("tile", "<u2"),
        ("interval", "<u2"),
        ("mcu_height", "u1"),
        ("mcu_width", "u1"),
        ("components", "u1"),
        ("status", "u1"),
        ("begin", "<u4"),
        ("end", "<u4"),
        ("points", "<u4"),
        ("reserved", "<u4"),
    ]
)
"""One file, 32 bytes, little-endian, without padding:

====== ============ =====================================================================
offset field        meaning
====== ============ =====================================================================
0      height       pixels as stored (EXIF orientation is not applied); 0 if unknown
2      width        likewise
4      mcu_rows     rows of MCUs
6      mcus_per_row MCUs in each of them
8      tile         MCUs from one seek point of a row to the next, 1 to mcus_per_row
10     interval     MCUs from one restart marker to the next, 0 if there are none
12     mcu_height   pixels: 8 x the largest vertical sampling factor, 8 if grey
13     mcu_width    likewise
14     components   1 grey, 3 colour; other numbers only where status is not 0
15     status       0 if the file can be cut, else an index of `REASONS`; then only height,
                    width, components and status are to be used
16     begin        index of the first byte of entropy-coded data
20     end          index of the 0xFF of the marker behind them; 0 before `seek_points`
24     points       number of seek points
28     reserved     0
====== ============ =====================================================================
"""

SEEK = np.dtype([("state", "<u8")])
"""One seek point, 8 bytes, little-endian:

======== ================================================================================
bits     meaning
======== ================================================================================
0 to 27  `bit`: the position behind the last bit of MCU m - 1, in bits from the begin of the
         file (the first bit is the highest of its byte; stuffed bytes count). If that is
         where a stuffed 0x00 begins, the position behind it. If a restart marker follows,
         the position before the bits that fill up the last byte.
28 to 39 2048 + the quantised DC coefficient of the last block before MCU m of component 0
40 to 51 likewise of component 1; 2048 if there is no such block or component
52 to 63 likewise of component 2
======== ================================================================================

Point r * ceil(mcus_per_row / tile) + t has m = r * mcus_per_row + t * tile; the one behind those of
all rows has m = mcu_rows * mcus_per_row. With restart markers follow those with m = interval,
2 * interval, and so on, as long as m is below the number of MCUs.
"""

_BIT = 28
_DC = 12
_DC_ZERO = 1 << (_DC - 1)
MOST_BYTES = (1 << (_BIT - 3)) - 1
"""The largest file that positions can point into."""


@kernel
def pack(bit: int, dc: NDArray[np.int64]) -> np.uint64:
    """The state of a seek point."""
    state = np.uint64(bit)
    for c in range(3):
        state |= np.uint64(dc[c] + _DC_ZERO) << np.uint64(_BIT + _DC * c)
    return state


@kernel
def point_bit(point: Any) -> int:
    """The position that a seek point, a record of SEEK, holds."""
    return i64(point.state & np.uint64((1 << _BIT) - 1))


@kernel
def point_dc(point: Any, component: int) -> int:
    """The DC coefficient of a component that a seek point holds."""
    return i64(point.state >> np.uint64(_BIT + _DC * component)) % (2 * _DC_ZERO) - _DC_ZERO


@kernel
def tiles_per_row(frame: Frame) -> int:
    return (i64(frame.mcus_per_row) + frame.tile - 1) // i64(frame.tile)


@kernel
def mcu_count(frame: Frame) -> int:
    return i64(frame.mcu_rows) * frame.mcus_per_row


@kernel
def point_count(frame: Frame) -> int:
    """How many points the geometry of a frame asks for."""
    restarts = (mcu_count(frame) - 1) // frame.interval if frame.interval else 0
    return frame.mcu_rows * tiles_per_row(frame) + 1 + restarts


@kernel
def known_before(frame: Frame, m: int) -> int:
    """The last MCU number up to `m` that has a point."""
    column = m % frame.mcus_per_row
    found = m - column % frame.tile
    return max(found, m - m % frame.interval) if frame.interval else found


@kernel
def known_after(frame: Frame, m: int) -> int:
    """The first MCU number from `m` on that has a point."""
    column = m % frame.mcus_per_row
    found = min(m + -column % frame.tile, m - column + frame.mcus_per_row) if column else m
    return min(found, m + -m % frame.interval) if frame.interval else found


@kernel
def point_index(frame: Frame, m: int) -> int:
    """The index of the point of MCU number `m`, which must have one."""
    tiles = tiles_per_row(frame)
    total = mcu_count(frame)
    if frame.interval and 0 < m < total and m % frame.interval == 0:
        return frame.mcu_rows * tiles + m // frame.interval
    return m // frame.mcus_per_row * tiles + m % frame.mcus_per_row // frame.tile


@kernel
def restore(data: Bytes, frame: Frame, points: Points, m: int, dc: NDArray[np.int64]) -> int:
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
def describes(frame: Frame, header: Header) -> bool:
    """Whether a frame belongs to the file that a header is from, and is sound in itself."""
    return (
        frame.status == OK
        and frame.height == header.height
        and frame.width == header.width
        and frame.components == header.components
        and frame.mcu_height == header.mcu_height
        and frame.mcu_width == header.mcu_width
        and frame.mcu_rows == header.mcu_rows
        and frame.mcus_per_row == header.mcus_per_row
        and frame.interval == header.interval
        and frame.begin == header.begin
        and 1 <= frame.tile <= frame.mcus_per_row
        and frame.points == point_count(frame)
    )
