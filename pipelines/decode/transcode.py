"""Turning a JPEG into a baseline one without loss: libturbojpeg's transform with no operation.

The quantised coefficients stay as they are and only their entropy coding changes: one scan with
Huffman codes, where the file had several scans (progressive) or arithmetic codes. All markers are
copied: EXIF, ICC profiles, Adobe's, comments.
"""

from __future__ import annotations

import ctypes

from fasttricks.pipelines.decode.turbojpeg import library, written

_NO_OPERATION = 0  # TJXOP_NONE
_COPY_MARKERS = 0  # no TJXOPT_COPYNONE
_STOP_ON_WARNING = 8192  # TJFLAG_STOPONWARNING: a damaged file must not come out repaired
_LIMIT_SCANS = 32768  # TJFLAG_LIMITSCANS: a small hostile file can hold scans for hours of work


class _Transform(ctypes.Structure):
    """tjtransform of turbojpeg.h, the same in versions 2 and 3."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("x", "y", "width", "height", "op", "options")),
        ("data", ctypes.c_void_p),
        ("custom_filter", ctypes.c_void_p),
    )


library.tjInitTransform.restype = ctypes.c_void_p
library.tjTransform.argtypes = [
    *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_int),
    *(ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_ulong)),
    *(ctypes.POINTER(_Transform), ctypes.c_int),
]


def to_baseline(data: bytes) -> bytes:
    """The same picture as a sequential Huffman-coded JPEG with one scan. Releases the GIL.

    Whether decoders make the same pixels of both is for the caller to look: a file can say with its
    order of scans what one scan cannot.

    Args:
        data: a whole JPEG file.

    Raises:
        DataError: libturbojpeg cannot read it, finds it damaged, or cannot write it so; says why.
    """
    plain = _Transform(op=_NO_OPERATION, options=_COPY_MARKERS)
    return written(
        library.tjInitTransform(),
        lambda handle, out, size: library.tjTransform(
            *(handle, data, len(data), 1, out, size, ctypes.byref(plain)),
            _STOP_ON_WARNING | _LIMIT_SCANS,
        ),
    )
