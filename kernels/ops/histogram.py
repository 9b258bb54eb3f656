"""Operations on uint8 pictures that depend on each channel's histogram, without the GIL.

Pictures are uint8 [H, W, 3], C-contiguous. `ops.by_torch` gets the same bytes on other devices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel

Bytes = NDArray[np.uint8]

_F32, _I32 = np.float32, np.int32
_255, _UNIT = map(np.float32, (255, 1 / 255))


@kernel
def equalize(picture: Bytes) -> None:
    """Flatten each channel's histogram as PIL's `ImageOps.equalize` does, in place."""
    x = picture.reshape(-1)
    pixels = x.size // 3
    counts, table = np.zeros((3, 256), np.int32), np.empty((3, 256), np.uint8)
    for i in range(pixels):
        counts[0, x[3 * i]] += 1
        counts[1, x[3 * i + 1]] += 1
        counts[2, x[3 * i + 2]] += 1
    for c in range(3):
        brightest = 255
        while counts[c, brightest] == 0:
            brightest -= 1
        step = (pixels - counts[c, brightest]) // 255
        below = step // 2
        for value in range(256):
            table[c, value] = min(below // step, 255) if step > 0 else value
            below += counts[c, value]
    _look_up(x, table)


@kernel
def auto_contrast(picture: Bytes) -> None:
    """Stretch each channel to 0-255, in place; one of a single level stays as it is."""
    x = picture.reshape(-1)
    low, high = np.full(48, 255, np.uint8), np.zeros(48, np.uint8)
    begin = 0
    while begin < x.size:  # 48 bytes are 16 pixels: vectors of bytes that keep channels apart
        part = x[begin : begin + 48]
        for i in range(part.size):
            low[i] = part[i] if part[i] < low[i] else low[i]
            high[i] = part[i] if part[i] > high[i] else high[i]
        begin += 48
    for i in range(3, 48):
        low[i % 3] = min(low[i % 3], low[i])
        high[i % 3] = max(high[i % 3], high[i])
    least, unit = np.zeros(3, np.float32), np.ones(3, np.float32)
    for c in range(3):
        if low[c] < high[c]:
            least[c], unit[c] = _F32(low[c]), (_F32(high[c]) - _F32(low[c])) * _UNIT
    for i in range(x.size // 3):
        for c in range(3):
            value = (_F32(x[3 * i + c]) - least[c]) / unit[c]
            x[3 * i + c] = np.uint8(_I32(value if value < _255 else _255))


@kernel
def _look_up(x: Bytes, table: Bytes) -> None:
    """Replace the bytes of a picture by those of a table [3, 256]."""
    for i in range(x.size // 3):
        x[3 * i] = table[0, x[3 * i]]
        x[3 * i + 1] = table[1, x[3 * i + 1]]
        x[3 * i + 2] = table[2, x[3 * i + 2]]
