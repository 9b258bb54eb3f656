"""Decoding a box of a JPEG from where a seek index says that its rows begin.

Nothing but the box is decoded, and every pixel is the one that libjpeg-turbo gives (its accurate
DCT, smooth upsampling), in less than its time: two rows of MCUs are read at once, nothing is
written out as a smaller JPEG before, and only pixels of the box get a colour.

Files that are out of the ordinary, and damaged ones, are left to libjpeg-turbo itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import PAD, Bytes, i64, unstuff
from fasttricks.kernels.jpeg.coefficients import (
    PAIR,
    PLACES,
    STOP,
    Coefficients,
    Run,
    Stops,
    add_up,
    lay_out,
    read_run,
    read_runs,
)
from fasttricks.kernels.jpeg.cut import coded_bytes, is_inside, span
from fasttricks.kernels.jpeg.idct import BLOCKS, ROW, inverse_dct
from fasttricks.kernels.jpeg.lookups import LOOKUP, read_lookups
from fasttricks.kernels.jpeg.planes import (
    OTHER,
    PLANES,
    SPILL,
    kind_of,
    lay_planes,
    planes_bound,
    write_pixels,
)
from fasttricks.kernels.jpeg.points import (
    Frame,
    Points,
    known_after,
    known_before,
    point_bit,
    point_index,
    restore,
)
from fasttricks.kernels.jpeg.segments import HEADER

Decoder: TypeAlias = Any
"""A record of type `DECODER`."""

DECODER = np.dtype(
    [
        ("header", HEADER),
        ("lookups", LOOKUP, (8,)),
        ("places", np.int64, PLACES.shape),
        ("steps", np.int16, (3, 8, ROW)),
        ("planes", PLANES),
        ("dc", np.int64, (2, 3)),
    ],
    align=True,
)
"""What follows from a file's header. steps: of quantisation, by component, as `inverse_dct` wants
them. dc: what prediction has come to before each of two rows."""

_DECODER_BYTES = DECODER.itemsize
_STOP_BYTES = STOP.itemsize
_ALIGN = 64


class Room(NamedTuple):
    """Memory for reading two rows."""

    stops: Stops
    """Of the blocks of a row, see `lay_out`."""
    rows: NDArray[np.int16]
    """[2, N], coefficients."""
    clean: NDArray[np.uint8]
    """[2, M], unstuffed data."""


@kernel
def workspace_bound(frame: Frame) -> int:
    """Bytes of workspace with which `decode` can decode any box of a file."""
    rows = i64(frame.mcu_rows) * frame.mcu_height
    columns = i64(frame.mcus_per_row) * frame.mcu_width
    blocks = (i64(frame.mcus_per_row) + frame.tile) * frame.mcu_height * frame.mcu_width * 3 // 64
    reading = (_STOP_BYTES + 2 * PAIR) * (blocks + 8 * BLOCKS) + 2 * (coded_bytes(frame) + PAD)
    return 3 * _ALIGN + _DECODER_BYTES + reading + planes_bound(rows, columns)


@kernel
def decode(
    data: Bytes,
    frame: Frame,
    points: Points,
    top: int,
    left: int,
    height: int,
    width: int,
    out: Bytes,
    workspace: Bytes,
) -> bool:
    """Decode a box of a picture.

    Args:
        data, frame, points, top, left, height, width: as `cut` takes them.
        out: uint8, at least 3 * height * width + `SPILL` bytes; the box in RGB, without gaps.
        workspace: uint8, one per thread, any content; `workspace_bound(frame)` always suffices.

    Returns:
        False if the box cannot be decoded here: where `cut` gives nothing; damage was met; there
        are components other than grey, 4:4:4, 4:2:2 and 4:2:0.
    """
    at = -workspace.ctypes.data % _ALIGN + _DECODER_BYTES
    if workspace.size < at or out.size < 3 * height * width + SPILL:
        return False
    decoder = workspace[at - _DECODER_BYTES : at].view(DECODER)[0]
    header, planes = decoder.header, decoder.planes
    if not is_inside(data, frame, points, top, left, height, width, header):
        return False
    kind = kind_of(data, header)
    if kind == OTHER:
        return False
    first, last = span(top, height, header.height, header.v, header.components)
    begin, end = span(left, width, header.width, header.h, header.components)
    corner = first * header.mcu_height, begin * header.mcu_width
    mcus = last - first, end - begin
    _prepare(data, decoder)
    room, used = _room(frame, decoder, mcus[1], workspace[at:])
    samples = workspace[at + used :]
    if room.stops.size == 0 or lay_planes(header, kind, corner, mcus, planes) > samples.size:
        return False
    for row in range(first, last, 2):
        count = min(2, last - row)
        if not _read(data, frame, points, row, count, begin, decoder, room):
            return False
        for r in range(count):
            if not _transform(decoder, mcus[1], room.rows[r], row + r - first, samples):
                return False
    write_pixels(header, planes, samples, top, left, height, width, out)
    return True


@kernel
def _prepare(data: Bytes, decoder: Decoder) -> None:
    header = decoder.header
    read_lookups(data, header, decoder.lookups)
    decoder.places[:] = PLACES
    for c in range(header.components):
        at = header.quant_at[header.quant[c]]
        wide, steps = data[at] >> 4, decoder.steps[c].reshape(-1)
        for k in range(64):
            step = i64(data[at + 1 + k])
            if wide:
                step = i64(data[at + 1 + 2 * k]) << 8 | i64(data[at + 2 + 2 * k])
            for block in range(BLOCKS):
                steps[(PLACES[k] >> 1) + 8 * block] = step


@kernel
def _room(frame: Frame, decoder: Decoder, columns: int, memory: Bytes) -> tuple[Room, int]:
    """Memory for rows of so many MCUs, and the bytes it takes; none if there is not enough."""
    header, skipped, clean = decoder.header, i64(frame.tile) - 1, coded_bytes(frame) + PAD
    blocks = (skipped + columns) * header.blocks
    at = _STOP_BYTES * blocks
    if memory.size < at:
        blocks = at = 0
    stops = memory[:at].view(STOP)
    size = lay_out(header, decoder.lookups, skipped, columns, stops) if blocks else 0
    behind = at + _ALIGN + 4 * size
    if memory.size < behind + 2 * clean:
        stops, size, behind, clean = stops[:0], 0, at, 0
    at += -(memory.ctypes.data + at) % _ALIGN
    rows = memory[at : at + 4 * size].view(np.int16).reshape(2, size)
    return Room(
        stops, rows, memory[behind : behind + 2 * clean].reshape(2, clean)
    ), behind + 2 * clean


@kernel
def _read(
    data: Bytes,
    frame: Frame,
    points: Points,
    row: int,
    count: int,
    begin: int,
    decoder: Decoder,
    room: Room,
) -> bool:
    """Read the coefficients of one or two rows of MCUs, from column `begin` on.

    Restart markers part rows into runs; the first runs of both are read in turns, the second, ...
    """
    header, places = decoder.header, decoder.places
    room.rows[:count] = 0
    columns = room.stops.size // header.blocks - frame.tile + 1
    m = row * i64(frame.mcus_per_row) + begin
    a, b = i64(0), columns * (2 - count)  # columns that have been read
    while a < columns and b < columns:
        first, a = _open(data, frame, points, m, a, columns, 0, decoder, room)
        second, b = _open(data, frame, points, m + frame.mcus_per_row, b, columns, 1, decoder, room)
        if first.begin == 0 or second.begin == 0 or not read_runs(first, second, places):
            return False
        if not _add_up(first, 0, decoder, room) or not _add_up(second, 1, decoder, room):
            return False
    for number, done in ((0, a), (1, b)):
        while done < columns:
            here = m + number * i64(frame.mcus_per_row)
            run, done = _open(data, frame, points, here, done, columns, number, decoder, room)
            if run.begin == 0 or not read_run(run, places):
                return False
            if not _add_up(run, number, decoder, room):
                return False
    return True


@kernel
def _open(
    data: Bytes,
    frame: Frame,
    points: Points,
    first: int,
    done: int,
    columns: int,
    number: int,
    decoder: Decoder,
    room: Room,
) -> tuple[Run, int]:
    """Get ready to read a run of MCUs [first + done, ...) of the first or second row.

    Returns:
        The run, its `begin` 0 on damage; and how many columns of the row are then done, up to a
        restart marker or all.
    """
    header, clean, m = decoder.header, room.clean[number], first + done
    last = first + columns
    if frame.interval:
        last = min(last, m - m % frame.interval + frame.interval)
    before = known_before(frame, m)
    begin = restore(data, frame, points, before, decoder.dc[number])
    end = point_bit(points[point_index(frame, known_after(frame, last))])
    if not 8 * i64(frame.begin) <= begin <= end <= 8 * i64(frame.end):
        return Run(0, 0, 0, 0, 0, 0), done
    size, stop = unstuff(data, begin >> 3, (end + 7) >> 3, clean, 0)
    if stop != (end + 7) >> 3:
        return Run(0, 0, 0, 0, 0, 0), done
    address, stops = i64(clean.ctypes.data), i64(room.stops.ctypes.data)
    column = i64(frame.tile) - 1 + done  # as stops count them
    run = Run(
        address,
        begin & 7,
        8 * (address + size) - (-end & 7),
        stops + _STOP_BYTES * header.blocks * (column + before - m),
        stops + _STOP_BYTES * header.blocks * (column + last - m),
        i64(room.rows[number].ctypes.data),
    )
    return run, last - first


@kernel
def _add_up(run: Run, number: int, decoder: Decoder, room: Room) -> bool:
    stops = i64(room.stops.ctypes.data)
    begin, end = (run.stop - stops) // _STOP_BYTES, (run.last - stops) // _STOP_BYTES
    return add_up(decoder.header, room.stops[begin:end], decoder.dc[number], room.rows[number])


@kernel
def _transform(
    decoder: Decoder, columns: int, row: Coefficients, number: int, samples: Bytes
) -> bool:
    """Turn the coefficients of a row of MCUs into samples; False if some cannot be done here."""
    header, planes, failed = decoder.header, decoder.planes, i64(0)
    source = i64(row.ctypes.data)
    for c in range(header.components):
        steps, stride = i64(decoder.steps[c].ctypes.data), planes.stride[c]
        for v in range(header.v[c]):
            line = 8 * (number * header.v[c] + v)
            target = i64(samples.ctypes.data) + planes.start[c] + stride * line
            for pair in range((header.h[c] * columns + BLOCKS - 1) // BLOCKS):
                failed |= inverse_dct(source, steps, target + ROW * pair, stride)
                source += 2 * PAIR
    return failed == 0
