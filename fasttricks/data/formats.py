"""Which format a file has, by how it begins, and which one its name promises."""

from __future__ import annotations

import os

_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_ENDINGS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm"), "PPM"),
    **{f".{name.lower()}": name for name in ("PNG", "GIF", "BMP", "WEBP")},
}


def format_of(data: bytes) -> str:
    """The format whose signature the file has; "" if none of those that names stand for."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:1] == b"P" and data[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6"):
        return "PPM"
    return next((name for begin, name in _BEGINNINGS if data.startswith(begin)), "")


def misnamed(name: str, data: bytes) -> str:
    """ "PNG named .jpg", say; "" if the name's ending fits or says nothing.

    PIL and therefore fasttricks go by the content.
    """
    ending, found = os.path.splitext(name)[1], format_of(data)
    promised = _ENDINGS.get(ending.lower())
    return f"{found} named {ending.lower()}" if promised and found and found != promised else ""
