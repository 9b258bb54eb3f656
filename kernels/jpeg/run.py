"""Copying a run of MCUs from one JPEG into another.

Only DC coefficients depend on what stands before a run, being coded as differences from the block
before; so the first one of each component is coded again, and everything behind it stays right.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes, copy_bits, i64, unstuff
from fasttricks.kernels.jpeg.huffman import position, read_dc, skip_ac, start_at
from fasttricks.kernels.jpeg.points import (
    Frame,
    Points,
    known_after,
    known_before,
    point_bit,
    point_dc,
    point_index,
    restore,
)
from fasttricks.kernels.jpeg.rewrite import ENCODER, put_dc
from fasttricks.kernels.jpeg.walk import READER, walk

Cutter: TypeAlias = Any
"""A record of type `CUTTER`."""

CUTTER = np.dtype(
    [("reader", READER), ("encoder", ENCODER), ("predicted", np.int64, (3,))], align=True
)
"""What reads the picture and what writes the cut, whose DC predictors are `predicted`."""

GROWTH = 12
"""Bytes by which a run may grow: three DC differences, at most 31 bits for 2 each."""


@kernel
def append_run(
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

    What is read begins and ends at seek points; where they are not exactly at `first` and `last`,
    MCUs are walked over, which takes half as long as decoding them would.

    Args:
        clean: has room for what is read and PAD bytes.

    Returns:
        The position behind, or -1 on failure.
    """
    reader = cutter.reader
    before, near = known_before(frame, first), known_before(frame, last)
    begin = restore(data, frame, points, before, reader.dc)
    middle = point_bit(points[point_index(frame, near)]) if near > first else begin
    end = point_bit(points[point_index(frame, known_after(frame, last))])
    if not 8 * i64(frame.begin) <= begin <= middle <= end <= 8 * i64(frame.end):
        return -1
    size, stop = unstuff(data, begin >> 3, middle >> 3, clean, 0)
    jump = 8 * size + (middle & 7)
    if stop != middle >> 3:
        return -1
    size, stop = unstuff(data, stop, (end + 7) >> 3, clean, size)
    if stop != (end + 7) >> 3 or (at >> 3) + size + GROWTH + 16 > bits.size:
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
