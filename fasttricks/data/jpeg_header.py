"""One walk over a JPEG's markers: geometry, EXIF orientation, and whether anything is unusual.

Every length and index is checked before it is used, so hostile bytes lead to a fault code and never
to a read outside the buffer. The entropy-coded data is not decoded, only searched for markers: a
vector of bytes at a time, so cheap that nothing is saved by searching backwards for the end marker
alone, and it also finds markers that damage has made, over which decoders stumble.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fasttricks.data.jpeg_frame import (
    CUT_SHORT,
    FRAME,
    NO_END,
    NOT_JPEG,
    ODD_COLOUR,
    ODD_MARKER,
    ODD_PROCESS,
    ODD_RESTARTS,
    PLAIN,
    STRAY_BYTES,
    Bytes,
    Frame,
    completeness,
    frame_header,
    huffman_tables,
    quantisation_tables,
    scan_header,
    u16,
)
from fasttricks.data.jpeg_metadata import metadata, starts_with
from fasttricks.kernels.jit import kernel

# Marker codes (T.81 table B.1).
_SOF0, _SOF2, _DHT, _RST0, _RST7 = 0xC0, 0xC2, 0xC4, 0xD0, 0xD7
_SOI, _EOI, _SOS, _DQT, _DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xDD
_APP0, _ADOBE, _APP15, _COM = 0xE0, 0xEE, 0xEF, 0xFE
# The other frame types (SOF3, SOF5 to SOF15) and DAC, which only arithmetic coding needs.
_OTHER_PROCESSES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF)

_BLOCK = np.uint64(128)
_ONE = np.uint64(1)


@kernel
def walk(data: Bytes) -> tuple[int, int, int, int, int, int, int]:
    """Walk one file.

    Args:
        data: uint8 [N], the whole file, contiguous and read-only (one compiled version suffices).

    Returns:
        `(fault, doubt, height, width, components, progressive, orientation)`. `fault` is `PLAIN` or
        a key of `REASONS`; the walk stops at the first fault and what follows is what was known by
        then (0 where nothing was). `doubt` is 1 where the pixels are plain but the metadata is such
        that PIL's own parser might reject the file. `orientation` is EXIF's 1 to 8, 1 if none.
    """
    return _walk(data, np.zeros(1, FRAME))


@kernel
def _walk(data: Bytes, frames: Any) -> tuple[int, int, int, int, int, int, int]:
    # In numba a record does not keep its array alive; an argument lives until the call ends.
    frame = frames[0]
    frame.orientation = 1
    frame.adobe = -1
    fault = _walk_segments(data, frame)
    return (
        fault,
        frame.doubt,
        frame.height,
        frame.width,
        frame.components,
        frame.progressive,
        frame.orientation,
    )


@kernel
def _walk_segments(data: Bytes, frame: Frame) -> int:
    if len(data) < 3 or data[0] != 0xFF or data[1] != _SOI or data[2] != 0xFF:
        return NOT_JPEG
    pos = 2
    while True:
        fault, marker, start, pos = _next_segment(data, pos)
        if fault == PLAIN and marker == _EOI:
            return completeness(frame)
        if fault == PLAIN and marker == _SOS:
            fault, mcus = scan_header(data, start, pos, frame)
            if fault == PLAIN:
                fault, pos = _scan_data(data, pos, mcus, frame.interval)
        elif fault == PLAIN:
            fault = _segment(data, start, pos, marker, frame)
        if fault != PLAIN:
            return fault


@kernel
def _next_segment(data: Bytes, pos: int) -> tuple[int, int, int, int]:
    """The segment that begins at `pos`: fault, marker code, begin and end of what it carries."""
    size = len(data)
    if pos < size and data[pos] != 0xFF:
        return STRAY_BYTES, 0, pos, pos
    while pos < size and data[pos] == 0xFF:  # fill bytes are legal
        pos += 1
    if pos >= size:
        return NO_END, 0, pos, pos
    marker = int(data[pos])
    if marker == _EOI:
        return PLAIN, marker, pos, pos
    if marker in _OTHER_PROCESSES:
        return ODD_PROCESS, marker, pos, pos
    known = _SOF0 <= marker <= _DHT or marker in (_SOS, _DQT, _DRI, _COM)
    if not known and not _APP0 <= marker <= _APP15:
        return ODD_MARKER, marker, pos, pos
    if pos + 3 > size:
        return CUT_SHORT, marker, pos, pos
    start, end = pos + 3, pos + 1 + u16(data, pos + 1)
    return PLAIN if start <= end <= size else CUT_SHORT, marker, start, end


@kernel
def _segment(data: Bytes, start: int, end: int, marker: int, frame: Frame) -> int:
    """Any segment but a scan's; `data[start:end]` is what it carries."""
    if marker <= _SOF2:
        return frame_header(data, start, end, marker == _SOF2, frame)
    if marker == _DHT:
        return huffman_tables(data, start, end, frame)
    if marker == _DQT:
        return quantisation_tables(data, start, end, frame)
    if marker == _DRI:
        if end - start != 2:
            return ODD_RESTARTS
        frame.interval = u16(data, start)
        return PLAIN
    if marker == _COM:
        return PLAIN
    if marker == _ADOBE and starts_with(data, start, end, b"Adobe"):
        if end - start < 12:
            return ODD_COLOUR
        frame.adobe = data[start + 11]
    elif not metadata(data, start, end, marker, frame):
        frame.doubt = 1
    return PLAIN


@kernel
def _scan_data(data: Bytes, pos: int, mcus: int, interval: int) -> tuple[int, int]:
    """Entropy-coded data from `pos` on: the fault, and where the marker that ends it begins."""
    size = len(data)
    expected = (mcus - 1) // interval if interval else 0
    restarts = 0
    while True:
        begin = pos = int(_find_marker(data, pos))
        while pos < size and data[pos] == 0xFF:
            pos += 1
        if pos >= size:
            return NO_END, begin
        if data[pos] == 0:  # a stuffed byte behind fill bytes
            return STRAY_BYTES, begin
        if not _RST0 <= data[pos] <= _RST7:
            return PLAIN if restarts == expected else ODD_RESTARTS, begin
        if restarts == expected or data[pos] != _RST0 + restarts % 8:
            return ODD_RESTARTS, begin
        restarts += 1
        pos += 1


@kernel
def _find_marker(data: Bytes, pos: int) -> np.int64:
    """Index of the first 0xFF at or after `pos` that no 0x00 follows; a last lone 0xFF counts too.

    Written as a maximum over a block because LLVM turns that, and not a search that breaks, into
    vector instructions; unsigned indices spare it Python's negative ones.
    """
    i, size = np.uint64(pos), np.uint64(len(data))
    while i + _BLOCK < size:
        found = np.uint8(0)
        for j in range(i, i + _BLOCK):
            found = max(found, data[j + _ONE] if data[j] == 0xFF else np.uint8(0))
        if found:
            break
        i += _BLOCK
    while i < size and (data[i] != 0xFF or (i + _ONE < size and data[i + _ONE] == 0)):
        i += _ONE
    return np.int64(i)
