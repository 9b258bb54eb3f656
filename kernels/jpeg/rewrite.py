"""Writing a JPEG around copied entropy-coded data: the header, and re-encoded DC differences."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes, put
from fasttricks.kernels.jpeg.segments import (
    ADOBE,
    APP0,
    DHT,
    DQT,
    SOI,
    SOS,
    Header,
)

Encoder: TypeAlias = Any
"""A record of type `ENCODER`."""

HEADER_BYTES = 2560
"""No header that is written here is longer: three DQT of 133 and six DHT of 277 bytes, and others
of less than 80 bytes in all."""

# By slot of the DC table and category; length 0 where there is no code.
ENCODER = np.dtype([("code", np.int64, (4, 16)), ("length", np.int64, (4, 16))], align=True)

_CATEGORIES = 12  # of DC differences in 8-bit pictures (T.81 table F.1)
_TABLE = 17  # bytes of a Huffman table before its symbols


@kernel
def write_header(
    data: Bytes, header: Header, height: int, width: int, out: Bytes, encoder: Encoder
) -> int:
    """Write what a decoder needs to know to `out`, at least `HEADER_BYTES` long.

    Kept of the file `data` are JFIF and Adobe marks, which tell the colour space, and the tables
    and parameters in use. Metadata are dropped, restart markers are not announced. Each DC table
    gets codes for the categories that it lacks, see `_copy_huffman`.

    Args:
        height, width: the size to put in.
        encoder: ENCODER, filled for the DC tables in use.

    Returns:
        The number of bytes written.
    """
    out[0], out[1] = 0xFF, SOI
    at = 2
    if header.jfif_at:
        at = _segment(out, at, APP0, 14)
        at = _copy(data, header.jfif_at, 12, out, at)
        out[at] = out[at + 1] = 0  # no thumbnail
        at += 2
    if header.adobe_at:
        at = _segment(out, at, ADOBE, 12)
        at = _copy(data, header.adobe_at, 12, out, at)
    at = _write_tables(data, header, out, at, encoder)
    at = _write_frame(header, height, width, out, at)
    return _write_scan(header, out, at)


@kernel
def _segment(out: Bytes, at: int, marker: int, size: int) -> int:
    """A marker and the length of a segment that carries `size` bytes."""
    out[at], out[at + 1] = 0xFF, marker
    return _put_u16(out, at + 2, size + 2)


@kernel
def _put_u16(out: Bytes, at: int, value: int) -> int:
    out[at], out[at + 1] = value >> 8, value & 255
    return at + 2


@kernel
def _copy(data: Bytes, start: int, size: int, out: Bytes, at: int) -> int:
    for i in range(size):
        out[at + i] = data[start + i]
    return at + size


@kernel
def _write_tables(data: Bytes, header: Header, out: Bytes, at: int, encoder: Encoder) -> int:
    """DQT and DHT, each table once."""
    quantisation = huffman = 0
    for c in range(header.components):
        slot = header.quant[c]
        if not quantisation >> slot & 1:
            quantisation |= 1 << slot
            start = header.quant_at[slot]
            size = 129 if data[start] >> 4 else 65
            at = _segment(out, at, DQT, size)
            at = _copy(data, start, size, out, at)
        for slot in (header.dc[c], header.ac[c]):
            if not huffman >> slot & 1:
                huffman |= 1 << slot
                at = _copy_huffman(data, header.huffman_at[slot], out, at, slot, encoder)
    return at


@kernel
def _copy_huffman(data: Bytes, start: int, out: Bytes, at: int, slot: int, encoder: Encoder) -> int:
    """A table, completed if it is one for DC.

    A table made for one picture has codes only for the DC differences that occur in it, and the
    cut may need others. Existing codes stay as they are if new ones are longer than all of them,
    and because no code consists of ones only, there is room for new ones (T.81 C.2).
    """
    length = at
    at = _segment(out, at, DHT, 0)
    table = at
    count = 0
    for i in range(1, _TABLE):
        count += int(data[start + i])
    at = _copy(data, start, _TABLE + count, out, at)
    if slot < 4:
        at += _complete(out, table, count)
        _learn(out, table, slot, encoder)
    _put_u16(out, length + 2, at - length - 2)
    return at


@kernel
def _complete(out: Bytes, table: int, count: int) -> int:
    """Add the missing categories to the DC table at out[table]; how many were added."""
    present = 0
    for i in range(count):
        present |= 1 << int(out[table + _TABLE + i])
    missing = 0
    for category in range(_CATEGORIES):
        if not present >> category & 1:
            out[table + _TABLE + count + missing] = category
            missing += 1
    longest = code = 0
    for length in range(1, 17):
        code = 2 * code + int(out[table + length])
        if out[table + length]:
            longest = length
    for length in range(max(longest, 1), 17):
        first = code >> (16 - length)  # of `length` bits; `code` is the first unused one of 16
        if first + missing < 1 << length and count + missing <= 256:
            out[table + length] += missing
            return missing
    return 0


@kernel
def _learn(out: Bytes, table: int, slot: int, encoder: Encoder) -> None:
    """Fill `encoder` from the table at out[table]."""
    for category in range(16):
        encoder.length[slot, category] = 0
    code, at = 0, table + _TABLE
    for length in range(1, _TABLE):
        for _ in range(out[table + length]):
            encoder.code[slot, out[at]] = code
            encoder.length[slot, out[at]] = length
            code += 1
            at += 1
        code <<= 1


@kernel
def _write_frame(header: Header, height: int, width: int, out: Bytes, at: int) -> int:
    at = _segment(out, at, header.process, 6 + 3 * header.components)
    out[at] = 8
    at = _put_u16(out, _put_u16(out, at + 1, height), width)
    out[at] = header.components
    at += 1
    for c in range(header.components):
        out[at], out[at + 2] = header.id[c], header.quant[c]
        out[at + 1] = header.h[c] << 4 | header.v[c]
        at += 3
    return at


@kernel
def _write_scan(header: Header, out: Bytes, at: int) -> int:
    at = _segment(out, at, SOS, 4 + 2 * header.components)
    out[at] = header.components
    at += 1
    for c in range(header.components):
        out[at], out[at + 1] = header.id[c], header.dc[c] << 4 | header.ac[c] - 4
        at += 2
    out[at], out[at + 1], out[at + 2] = 0, 63, 0
    return at + 3


@kernel
def put_dc(bits: Bytes, at: int, difference: int, slot: int, encoder: Encoder) -> int:
    """Write the code of a DC difference; the position behind it, or -1 if there is no code."""
    size, rest = 0, abs(difference)
    while rest:
        size += 1
        rest >>= 1
    if size > 15 or encoder.length[slot, size] == 0:
        return -1
    value = difference if difference >= 0 else difference + (1 << size) - 1
    code = encoder.code[slot, size] << size | value
    return put(bits, at, code, encoder.length[slot, size] + size)
