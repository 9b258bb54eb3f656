"""The parts of a JPEG that say how it is coded, checked one by one (ITU T.81 annex B).

The rules are libjpeg's (libjpeg-turbo's jdmarker.c, jdhuff.c, jdphuff.c and jdinput.c tell what it
accepts), made stricter wherever back ends could differ: a file has to be ordinary to pass.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel

Bytes: TypeAlias = NDArray[np.uint8]
Frame: TypeAlias = Any
"""A record of type `FRAME`, which compiled code passes by reference."""

PLAIN = 0
NOT_JPEG, CUT_SHORT, STRAY_BYTES, ODD_MARKER, NO_PICTURE = range(1, 6)
ODD_FRAME, ODD_PROCESS, ODD_COMPONENTS, ODD_SAMPLING, ODD_COLOUR = range(6, 11)
ODD_QUANTISATION, BAD_HUFFMAN, ODD_SCAN, ODD_RESTARTS, NO_END, INCOMPLETE = range(11, 17)

REASONS = {
    PLAIN: "",
    NOT_JPEG: "not a JPEG",
    CUT_SHORT: "a segment runs past the end of the file",
    STRAY_BYTES: "stray bytes between segments",
    ODD_MARKER: "a marker that ordinary files do not have",
    NO_PICTURE: "no picture data before the end-of-image marker",
    ODD_FRAME: "unusable frame header",
    ODD_PROCESS: "arithmetic, lossless or hierarchical coding, or not 8 bits per sample",
    ODD_COMPONENTS: "neither grey nor three components",
    ODD_SAMPLING: "unusual chroma sampling",
    ODD_COLOUR: "components are not plain YCbCr",
    ODD_QUANTISATION: "unusual, damaged or missing quantisation tables",
    BAD_HUFFMAN: "damaged or missing Huffman tables",
    ODD_SCAN: "unusual or damaged scan header",
    ODD_RESTARTS: "restart markers missing, out of order or not announced",
    NO_END: "the picture data never reach an end-of-image marker",
    INCOMPLETE: "some coefficients are never sent",
}

_MAX_SIDE = 65500  # libjpeg's JPEG_MAX_DIMENSION

# What has been learnt so far. The masks have one bit for each table defined. `sent[c, k]` is the
# lowest bit plane of coefficient k of component c that a scan has carried, -1 before the first.
FRAME = np.dtype(
    [
        ("height", np.int32),
        ("width", np.int32),
        ("components", np.int32),
        ("progressive", np.int32),
        ("orientation", np.int32),
        ("doubt", np.int32),
        ("interval", np.int32),
        ("adobe", np.int32),
        ("exif", np.int32),
        ("quant_mask", np.int32),
        ("dc_mask", np.int32),
        ("ac_mask", np.int32),
        ("id", np.int32, (3,)),
        ("h", np.int32, (3,)),
        ("v", np.int32, (3,)),
        ("quant", np.int32, (3,)),
        ("sent", np.int8, (3, 64)),
    ],
    align=True,
)


@kernel
def frame_header(data: Bytes, start: int, end: int, is_progressive: bool, frame: Frame) -> int:
    """SOF0, SOF1, SOF2 (T.81 B.2.2)."""
    if frame.components or end - start < 6:
        return ODD_FRAME
    frame.height, frame.width = u16(data, start + 1), u16(data, start + 3)
    count = int(data[start + 5])
    frame.components = count
    frame.progressive = is_progressive
    if data[start] != 8:
        return ODD_PROCESS
    if count != 1 and count != 3:
        return ODD_COMPONENTS
    if end - start != 6 + 3 * count or not 0 < frame.height <= _MAX_SIDE:
        return ODD_FRAME
    if not 0 < frame.width <= _MAX_SIDE:
        return ODD_FRAME
    for c in range(count):
        frame.id[c] = data[start + 6 + 3 * c]
        frame.h[c] = data[start + 7 + 3 * c] >> 4
        frame.v[c] = data[start + 7 + 3 * c] & 15
        frame.quant[c] = data[start + 8 + 3 * c]
        frame.sent[c, :] = -1
        if frame.quant[c] > 3:
            return ODD_QUANTISATION
    h, v = frame.h[0], frame.v[0]
    if count == 1:  # one component is never subsampled, whatever its factors say
        return PLAIN if 1 <= h <= 4 and 1 <= v <= 4 else ODD_SAMPLING
    if frame.id[0] == frame.id[1] or frame.id[1] == frame.id[2] or frame.id[2] == frame.id[0]:
        return ODD_FRAME
    whole_chroma = frame.h[1] == frame.v[1] == frame.h[2] == frame.v[2] == 1
    # 4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1: those that TurboJPEG's interface has names for.
    usual_luma = (1 <= h <= 2 and 1 <= v <= 2) or (h == 4 and v == 1)
    return PLAIN if whole_chroma and usual_luma else ODD_SAMPLING


@kernel
def quantisation_tables(data: Bytes, start: int, end: int, frame: Frame) -> int:
    """DQT (T.81 B.2.4.1). 16-bit tables are left out: SIMD and plain C overflow differently."""
    while start < end:
        if data[start] > 3 or end - start < 65:
            return ODD_QUANTISATION
        frame.quant_mask |= 1 << int(data[start])
        start += 65
    return PLAIN


@kernel
def huffman_tables(data: Bytes, start: int, end: int, frame: Frame) -> int:
    """DHT (T.81 B.2.4.2): lengths that make a prefix code, and DC categories that exist."""
    while start < end:
        if end - start < 17 or data[start] & 0xEF > 3:
            return BAD_HUFFMAN
        slot, is_ac = int(data[start] & 3), data[start] >> 4
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
        if is_ac:
            frame.ac_mask |= 1 << slot
        else:
            frame.dc_mask |= 1 << slot
            for i in range(start, start + count):
                if data[i] > 15:
                    return BAD_HUFFMAN
        start += count
    return PLAIN


@kernel
def scan_header(data: Bytes, start: int, end: int, frame: Frame) -> tuple[int, int]:
    """SOS (T.81 B.2.3): the fault, and the number of MCUs in this scan."""
    count = int(data[start]) if start < end else 0
    if not 1 <= count <= frame.components or end - start != 4 + 2 * count:
        return ODD_SCAN, 0
    first, last = int(data[end - 3]), int(data[end - 2])
    high, low = int(data[end - 1] >> 4), int(data[end - 1] & 15)
    if frame.progressive:
        ordered = last == 0 if first == 0 else first <= last <= 63 and count == 1
        if not ordered or low > 13 or (high and low != high - 1):
            return ODD_SCAN, 0
    elif first != 0 or last != 63 or high or low:
        return ODD_SCAN, 0
    needs_dc = first == 0 and high == 0
    needs_ac = last > 0
    c = -1
    for i in range(count):
        c += 1
        while c < frame.components and frame.id[c] != data[start + 1 + 2 * i]:
            c += 1
        if c >= frame.components:
            return ODD_SCAN, 0
        dc, ac = data[start + 2 + 2 * i] >> 4, data[start + 2 + 2 * i] & 15
        if not frame.quant_mask >> frame.quant[c] & 1:
            return ODD_QUANTISATION, 0
        if dc > 3 or (needs_dc and not frame.dc_mask >> dc & 1):
            return BAD_HUFFMAN, 0
        if ac > 3 or (needs_ac and not frame.ac_mask >> ac & 1):
            return BAD_HUFFMAN, 0
        if first > 0 and frame.sent[c, 0] < 0:  # AC before DC
            return ODD_SCAN, 0
        for k in range(first, last + 1):
            if frame.sent[c, k] != (high if high else -1):
                return ODD_SCAN, 0
            frame.sent[c, k] = low
    return PLAIN, _mcu_count(frame, c, count)


@kernel
def _mcu_count(frame: Frame, c: int, count: int) -> int:
    """MCUs of a scan (T.81 A.2): single blocks where it has one component, `c`."""
    h_max, v_max = frame.h[0], frame.v[0]  # chroma is 1 x 1
    if count > 1:
        return -(-frame.width // (8 * h_max)) * -(-frame.height // (8 * v_max))
    width = -(-frame.width * frame.h[c] // h_max)
    height = -(-frame.height * frame.v[c] // v_max)
    return -(-width // 8) * -(-height // 8)


@kernel
def completeness(frame: Frame) -> int:
    """What has to hold once the end-of-image marker is reached."""
    if frame.components == 0:
        return NO_PICTURE
    for c in range(frame.components):
        for k in range(64):
            # Decoders smooth over what progressive scans leave out, each in its own way.
            if frame.sent[c, k] != 0:
                return INCOMPLETE
    if frame.components == 3:
        if frame.adobe >= 0 and frame.adobe != 1:
            return ODD_COLOUR
        if frame.id[0] == 0x52 and frame.id[1] == 0x47 and frame.id[2] == 0x42:  # "RGB"
            return ODD_COLOUR
    return PLAIN


@kernel
def u16(data: Bytes, pos: int) -> int:
    """Big-endian, as in all of a JPEG but EXIF."""
    return int(data[pos]) << 8 | int(data[pos + 1])
