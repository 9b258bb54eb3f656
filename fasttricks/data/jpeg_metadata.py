"""APPn segments of a JPEG: EXIF orientation, and what PIL's parsers stumble over.

Metadata does not change pixels, but PIL reads some of it when it opens a file and rejects the whole
picture where one of its own parsers fails. Those parsers are not repeated here: metadata that is
surely harmless passes, and for the rest PIL is asked.
"""

from __future__ import annotations

from fasttricks.data.jpeg_frame import Bytes, Frame, u16
from fasttricks.kernels.jit import kernel

_APP0, _APP1, _APP2, _APP13 = 0xE0, 0xE1, 0xE2, 0xED
_ORIENTATION, _X_RESOLUTION = 0x0112, 0x011A  # TIFF tags
_SHORT, _RATIONAL = 3, 5  # TIFF types


@kernel
def metadata(data: Bytes, start: int, end: int, marker: int, frame: Frame) -> bool:
    """Read one APPn segment, `data[start:end]`; sets `frame.orientation`.

    Returns whether PIL is sure to open a file with it.
    """
    if marker == _APP0 and starts_with(data, start, end, b"JFIF"):
        return end - start >= 12
    if marker == _APP1 and starts_with(data, start, end, b"Exif\0\0"):
        first = frame.exif == 0
        frame.exif = 1
        return _exif(data, start + 6, end, frame) and first  # PIL joins several into one
    if marker == _APP2 and starts_with(data, start, end, b"ICC_PROFILE\0"):
        return end - start >= 14
    if marker == _APP2 and starts_with(data, start, end, b"MPF\0"):
        return False  # several pictures in one file, as phones write them
    if marker == _APP13 and starts_with(data, start, end, b"Photoshop 3.0\0"):
        return _photoshop(data, start + 14, end)
    return True


@kernel
def _exif(data: Bytes, start: int, end: int, frame: Frame) -> bool:
    """Read Orientation from IFD 0 (TIFF 6.0), and look at XResolution because PIL does."""
    if end - start < 8 or data[start] != data[start + 1]:
        return True  # not TIFF: PIL ignores it, too
    little = data[start] == 0x49  # "I", and "M" for big-endian
    if not little and data[start] != 0x4D:
        return True
    ifd = start + _u32(data, start + 4, little)
    if ifd + 2 > end:
        return False
    count = _tiff16(data, ifd, little)
    whole = ifd + 2 + 12 * count <= end
    sure = whole
    for i in range(count if whole else (end - ifd - 2) // 12):
        entry = ifd + 2 + 12 * i
        tag, kind = _tiff16(data, entry, little), _tiff16(data, entry + 2, little)
        values = _u32(data, entry + 4, little)
        if tag == _ORIENTATION and kind == _SHORT and values == 1:
            orientation = _tiff16(data, entry + 8, little)
            frame.orientation = orientation if 1 <= orientation <= 8 else 1
        elif tag == _X_RESOLUTION and (kind != _RATIONAL or values != 1):
            sure = False
    return sure


@kernel
def _photoshop(data: Bytes, pos: int, end: int) -> bool:
    """Whether image resource blocks are whole: "8BIM", code, name, length, data, padded to even."""
    origin = pos
    while starts_with(data, pos, end, b"8BIM"):
        pos += 6
        if pos >= end:
            return False
        pos += 1 + int(data[pos])
        pos += (pos - origin) & 1
        if pos + 4 > end:
            return False
        pos += 4 + _u32(data, pos, False)
        pos += (pos - origin) & 1
    return True


@kernel
def starts_with(data: Bytes, start: int, end: int, prefix: bytes) -> bool:
    """Whether `data[start:end]` begins with `prefix`."""
    same, i = end - start >= len(prefix), 0
    while same and i < len(prefix):
        same = data[start + i] == prefix[i]
        i += 1
    return same


@kernel
def _tiff16(data: Bytes, pos: int, little: bool) -> int:
    return int(data[pos + 1]) << 8 | int(data[pos]) if little else u16(data, pos)


@kernel
def _u32(data: Bytes, pos: int, little: bool) -> int:
    high, low = (pos + 2, pos) if little else (pos, pos + 2)
    return _tiff16(data, high, little) << 16 | _tiff16(data, low, little)
