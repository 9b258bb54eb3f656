"""What stands in a JPEG before its entropy-coded data, as far as cutting needs it (T.81 annex B).

Only ordinary sequential Huffman-coded files with 8 bits per sample and one scan pass; for all
others there is a reason. Every length and index is checked before it is used.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes

Header: TypeAlias = Any
"""A record of type `HEADER`, which compiled code passes by reference."""

OK = 0
NOT_JPEG, BAD_HEADER, PROGRESSIVE, OTHER_PROCESS, NOT_8_BIT, NOT_1_OR_3 = range(1, 7)
BAD_SAMPLING, BAD_QUANTISATION, BAD_HUFFMAN, SEVERAL_SCANS, NO_HEIGHT = range(7, 12)
CORRUPT, BAD_RESTARTS, NO_END, TOO_LARGE = range(12, 16)

REASONS = (
    "",
    "not a JPEG",
    "damaged or unusual header",
    "progressive",
    "arithmetic, lossless or hierarchical coding",
    "not 8 bits per sample",
    "neither one nor three components (CMYK, YCCK)",
    "unusable sampling factors",
    "damaged or missing quantisation tables",
    "damaged or missing Huffman tables",
    "several scans",
    "the height is not in the header",
    "damaged picture data",
    "restart markers missing or out of order",
    "no end-of-image marker where the picture data end",
    "too large",
)
"""Words for each status; a status is an index."""

# Marker codes (T.81 table B.1).
SOF0, SOF1, SOF2, DHT, RST0, RST7 = 0xC0, 0xC1, 0xC2, 0xC4, 0xD0, 0xD7
SOI, EOI, SOS, DQT, DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xDD
APP0, ADOBE, APP15, COM = 0xE0, 0xEE, 0xEF, 0xFE

MAX_SIDE = 65500  # libjpeg's JPEG_MAX_DIMENSION
_MAX_BLOCKS = 10  # in an MCU (T.81 B.2.3)

# `..._at` are indices of a segment's or table's first byte behind markers and lengths, 0 if absent:
# a quantisation table begins with its precision and slot, a Huffman table with its class and slot
# (DC in slots 0 to 3, AC in 4 to 7). `owner[b]` is the component of an MCU's block b.
HEADER = np.dtype(
    [
        ("height", np.int64),
        ("width", np.int64),
        ("components", np.int64),
        ("process", np.int64),
        ("interval", np.int64),
        ("begin", np.int64),
        ("mcu_height", np.int64),
        ("mcu_width", np.int64),
        ("mcu_rows", np.int64),
        ("mcus_per_row", np.int64),
        ("blocks", np.int64),
        ("owner", np.int64, (_MAX_BLOCKS,)),
        ("id", np.int64, (3,)),
        ("h", np.int64, (3,)),
        ("v", np.int64, (3,)),
        ("quant", np.int64, (3,)),
        ("dc", np.int64, (3,)),
        ("ac", np.int64, (3,)),
        ("quant_at", np.int64, (4,)),
        ("huffman_at", np.int64, (8,)),
        ("jfif_at", np.int64),
        ("adobe_at", np.int64),
    ],
    align=True,
)


@kernel
def read_header(data: Bytes, header: Header) -> int:
    """Fill `header`, whatever is in it, from a whole file, uint8 [N].

    Returns:
        A status. Whatever it is, height, width and components are those of a frame header that has
        been passed, or 0.
    """
    _clear(header)
    size = len(data)
    if size < 3 or data[0] != 0xFF or data[1] != SOI or data[2] != 0xFF:
        return NOT_JPEG
    pos = 2
    while True:
        if pos >= size or data[pos] != 0xFF:
            return BAD_HEADER
        while pos < size and data[pos] == 0xFF:  # fill bytes are legal
            pos += 1
        if pos + 3 > size:
            return BAD_HEADER
        marker, start, end = int(data[pos]), pos + 3, pos + 1 + _u16(data, pos + 1)
        if not _has_length(marker) or not start <= end <= size:
            return BAD_HEADER
        if marker == SOS:
            header.begin = end
            return _scan(data, start, end, header)
        status = _segment(data, start, end, marker, header)
        if status != OK:
            return status
        pos = end


@kernel
def _clear(header: Header) -> None:
    """What is counted up, or may be absent from a file."""
    header.height = header.width = header.components = header.interval = header.blocks = 0
    header.jfif_at = header.adobe_at = 0
    for slot in range(4):
        header.quant_at[slot] = header.huffman_at[slot] = header.huffman_at[4 + slot] = 0


@kernel
def _has_length(marker: int) -> bool:
    """Whether it is a segment that may stand before a scan's end."""
    if SOF0 <= marker <= 0xCF:
        return True
    return marker in (SOS, DQT, DRI, COM) or APP0 <= marker <= APP15


@kernel
def _segment(data: Bytes, start: int, end: int, marker: int, header: Header) -> int:
    """Any segment but a scan's; data[start:end] is what it carries."""
    if marker == DHT:
        return _huffman_tables(data, start, end, header)
    if marker <= SOF2:
        status = _frame(data, start, end, header)
        header.process = marker
        return PROGRESSIVE if marker == SOF2 and status == OK else status
    if marker <= 0xCF:
        return OTHER_PROCESS
    if marker == DQT:
        return _quantisation_tables(data, start, end, header)
    if marker == DRI:
        if end - start != 2:
            return BAD_HEADER
        header.interval = _u16(data, start)
    elif marker == APP0 and end - start >= 14 and _spells(data, start, b"JFIF\0"):
        header.jfif_at = start
    elif marker == ADOBE and end - start >= 12 and _spells(data, start, b"Adobe"):
        header.adobe_at = start
    return OK


@kernel
def _frame(data: Bytes, start: int, end: int, header: Header) -> int:
    """SOF0, SOF1 or SOF2 (T.81 B.2.2), and the geometry that follows from it (A.1, A.2)."""
    if header.components or end - start < 6:
        return BAD_HEADER
    header.height, header.width = _u16(data, start + 1), _u16(data, start + 3)
    header.components = count = int(data[start + 5])
    if data[start] != 8:
        return NOT_8_BIT
    if header.height == 0:
        return NO_HEIGHT
    if not 0 < header.width <= MAX_SIDE or header.height > MAX_SIDE:
        return BAD_HEADER
    if count != 1 and count != 3:
        return NOT_1_OR_3
    if end - start != 6 + 3 * count:
        return BAD_HEADER
    for c in range(count):
        at = start + 6 + 3 * c
        header.id[c] = data[at]
        header.h[c], header.v[c] = data[at + 1] >> 4, data[at + 1] & 15
        header.quant[c] = data[at + 2]
        if not (1 <= header.h[c] <= 4 and 1 <= header.v[c] <= 4):
            return BAD_SAMPLING
        if header.quant[c] > 3:
            return BAD_QUANTISATION
        for other in range(c):
            if header.id[other] == header.id[c]:
                return BAD_HEADER
    if count == 1:  # one component is never subsampled, whatever its factors say
        header.h[0] = header.v[0] = 1
    return _geometry(header)


@kernel
def _geometry(header: Header) -> int:
    h_max = v_max = 1
    for c in range(header.components):
        h_max, v_max = max(h_max, header.h[c]), max(v_max, header.v[c])
        for _ in range(header.h[c] * header.v[c]):
            if header.blocks == _MAX_BLOCKS:
                return BAD_SAMPLING
            header.owner[header.blocks] = c
            header.blocks += 1
    header.mcu_height, header.mcu_width = 8 * v_max, 8 * h_max
    header.mcu_rows = -(-header.height // header.mcu_height)
    header.mcus_per_row = -(-header.width // header.mcu_width)
    return OK


@kernel
def _quantisation_tables(data: Bytes, start: int, end: int, header: Header) -> int:
    """DQT (T.81 B.2.4.1): the last table of a slot counts."""
    while start < end:
        precision, slot = data[start] >> 4, data[start] & 15
        size = 129 if precision else 65
        if precision > 1 or slot > 3 or end - start < size:
            return BAD_QUANTISATION
        header.quant_at[slot] = start
        start += size
    return OK


@kernel
def _huffman_tables(data: Bytes, start: int, end: int, header: Header) -> int:
    """DHT (T.81 B.2.4.2): lengths that make a prefix code, and DC categories that exist."""
    while start < end:
        if end - start < 17 or data[start] & 0xEF > 3:
            return BAD_HUFFMAN
        at, slot = start, int(data[start] & 3) + 4 * int(data[start] >> 4)
        count = code = 0
        for length in range(1, 17):
            here = int(data[start + length])
            count += here
            code += here
            if here and code >= 1 << length:  # the code of all ones is never used
                return BAD_HUFFMAN
            code <<= 1
        start += 17
        if count > 256 or end - start < count:
            return BAD_HUFFMAN
        if slot < 4:
            for i in range(start, start + count):
                if data[i] > 15:
                    return BAD_HUFFMAN
        header.huffman_at[slot] = at
        start += count
    return OK


@kernel
def _scan(data: Bytes, start: int, end: int, header: Header) -> int:
    """SOS (T.81 B.2.3): all components in the frame's order, all coefficients at once."""
    count = int(data[start]) if start < end else 0
    if header.components == 0 or not 1 <= count <= 4 or end - start != 4 + 2 * count:
        return BAD_HEADER
    if count != header.components:
        return SEVERAL_SCANS
    if data[end - 3] != 0 or data[end - 2] != 63 or data[end - 1] != 0:
        return BAD_HEADER
    for c in range(count):
        dc, ac = data[start + 2 + 2 * c] >> 4, data[start + 2 + 2 * c] & 15
        if data[start + 1 + 2 * c] != header.id[c]:
            return BAD_HEADER
        if dc > 3 or ac > 3 or not (header.huffman_at[dc] and header.huffman_at[4 + ac]):
            return BAD_HUFFMAN
        if not header.quant_at[header.quant[c]]:
            return BAD_QUANTISATION
        header.dc[c], header.ac[c] = dc, 4 + ac
    # Two bits are the least that a block can have. What a header promises and the file cannot hold
    # must not make anybody reserve memory for it.
    mcus = header.mcu_rows * header.mcus_per_row
    if mcus * header.blocks > 4 * (len(data) - end):
        return CORRUPT
    return OK


@kernel
def _spells(data: Bytes, at: int, word: bytes) -> bool:
    """Whether `word` stands at index `at`; there must be room for it."""
    for i in range(len(word)):  # noqa: SIM110 (numba has no generators)
        if data[at + i] != word[i]:
            return False
    return True


@kernel
def _u16(data: Bytes, at: int) -> int:
    """Big-endian, as all of a JPEG."""
    return int(data[at]) << 8 | int(data[at + 1])
