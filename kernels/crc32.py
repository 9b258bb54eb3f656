"""CRC-32 as zlib, PNG and gzip have it, for compiled code.

Eight bytes at a time by eight tables ("slicing-by-8": Kounavis and Berry, "A Systematic Approach to
Building High Performance Software-Based CRC Generators", 2005).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes

_POLYNOMIAL = 0xEDB88320  # bits in reverse order
_ONES = np.uint32(0xFFFFFFFF)
_SLICES = 8


def _tables() -> NDArray[np.uint32]:
    """[k, b]: what byte b does to the checksum when k more bytes have followed."""
    found = np.zeros((_SLICES, 256), np.uint32)
    found[0] = np.arange(256)
    for _ in range(8):
        found[0] = np.where(found[0] & 1, found[0] >> 1 ^ _POLYNOMIAL, found[0] >> 1)
    for k in range(1, _SLICES):
        found[k] = found[k - 1] >> 8 ^ found[0][found[k - 1] & 255]
    return found


_TABLES = _tables()


@kernel
def crc32(data: Bytes, start: np.uint32) -> np.uint32:
    """`zlib.crc32(data, start)` of uint8 [N], contiguous."""
    u32, table = np.uint32, _TABLES
    crc = u32(start) ^ _ONES
    whole = len(data) & ~(_SLICES - 1)
    for i in range(0, whole, _SLICES):
        low = crc ^ (
            u32(data[i]) | u32(data[i + 1]) << u32(8)
            | u32(data[i + 2]) << u32(16) | u32(data[i + 3]) << u32(24)
        )  # fmt: skip
        crc = (
            table[7, low & u32(255)]
            ^ table[6, low >> u32(8) & u32(255)]
            ^ table[5, low >> u32(16) & u32(255)]
            ^ table[4, low >> u32(24)]
            ^ table[3, data[i + 4]]
            ^ table[2, data[i + 5]]
            ^ table[1, data[i + 6]]
            ^ table[0, data[i + 7]]
        )
    for i in range(whole, len(data)):
        crc = table[0, (crc ^ u32(data[i])) & u32(255)] ^ crc >> u32(8)
    return crc ^ _ONES
