"""Operations on uint8 pictures, one pixel at a time, in place, without the GIL.

All take the bytes of a picture as one uint8 [3 * pixels], R, G, B, R, ... Loops are written so that
LLVM makes vectors of them. Sums and products are rounded to float32 each on its own, in the order
written here: `kernels.ops.by_torch` does the same, and gets the same bytes on every device.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel

Bytes = NDArray[np.uint8]
Single = np.float32

_F32, _I32 = np.float32, np.int32
_0, _HALF, _1, _2, _3, _4, _5, _6, _255 = map(np.float32, (0, 0.5, 1, 2, 3, 4, 5, 6, 255))

# torchvision's grey, .2989 R + .587 G + .114 B cut off. Sums of these products are integers below
# 2^24, exact in float32; the half keeps a multiple of 10000 on its side of the cut.
_GREY_R, _GREY_G, _GREY_B, _GREY_UNIT = map(np.float32, (2989, 5870, 1140, 1e-4))
_LUMA_R, _LUMA_G, _LUMA_B, _LUMA_UNIT = map(np.float32, (299, 587, 114, 1e-3))

MOST_HUE = np.float32(6 * 179 / 180)
"""The largest hue of OpenCV's 8-bit HSV, 179 of 180, in sixths of a turn."""


@kernel
def _byte(value: Single) -> np.uint8:
    """Cut off to 0-255."""
    value = value if value < _255 else _255
    return np.uint8(_I32(value if value > _0 else _0))


@kernel
def _grey(red: Single, green: Single, blue: Single) -> np.int32:
    return _I32((red * _GREY_R + green * _GREY_G + blue * _GREY_B + _HALF) * _GREY_UNIT)


@kernel
def invert(x: Bytes) -> None:
    """255 - x."""
    for i in range(x.size):
        x[i] = 255 - x[i]


@kernel
def solarize(x: Bytes, threshold: Single) -> None:
    """255 - x where x >= threshold."""
    first = math.ceil(threshold)  # byte that is inverted
    if first > 255:
        return
    least = np.uint8(max(first, 0))
    for i in range(x.size):
        x[i] = 255 - x[i] if x[i] >= least else x[i]


@kernel
def posterize(x: Bytes, bits: int) -> None:
    """Keep the highest `bits` bits, 0 to 8."""
    mask = np.uint8((0xFF00 >> bits) & 0xFF)
    for i in range(x.size):
        x[i] &= mask


@kernel
def scale(x: Bytes, factor: Single, offset: Single) -> None:
    """factor * x + offset, cut off to 0-255; float32 numbers."""
    for i in range(x.size):
        x[i] = _byte(_F32(x[i]) * factor + offset)


@kernel
def mean_grey(x: Bytes) -> Single:
    """The mean of the grey picture, as a float32."""
    total, pixels = 0, x.size // 3
    for i in range(pixels):
        total += int(_grey(_F32(x[3 * i]), _F32(x[3 * i + 1]), _F32(x[3 * i + 2])))
    return _F32(total / pixels)


@kernel
def mean_luma(x: Bytes) -> Single:
    """The mean of .299 R + .587 G + .114 B, as a float32."""
    red, green, blue, pixels = 0, 0, 0, x.size // 3
    for i in range(pixels):
        red += x[3 * i]
        green += x[3 * i + 1]
        blue += x[3 * i + 2]
    return _F32((299 * red + 587 * green + 114 * blue) / (1000 * pixels))


@kernel
def color(x: Bytes, factor: Single) -> None:
    """Blend with the grey picture, cut off."""
    rest = _1 - factor
    for i in range(x.size // 3):
        r, g, b = _F32(x[3 * i]), _F32(x[3 * i + 1]), _F32(x[3 * i + 2])
        grey = _F32(_grey(r, g, b)) * rest
        x[3 * i] = _byte(r * factor + grey)
        x[3 * i + 1] = _byte(g * factor + grey)
        x[3 * i + 2] = _byte(b * factor + grey)


@kernel
def saturate(x: Bytes, factor: Single) -> None:
    """Blend with luma, rounded."""
    rest = _1 - factor
    for i in range(x.size // 3):
        r, g, b = _F32(x[3 * i]), _F32(x[3 * i + 1]), _F32(x[3 * i + 2])
        luma = (r * _LUMA_R + g * _LUMA_G + b * _LUMA_B) * _LUMA_UNIT
        add = luma * rest + _HALF
        x[3 * i] = _byte(r * factor + add)
        x[3 * i + 1] = _byte(g * factor + add)
        x[3 * i + 2] = _byte(b * factor + add)


@kernel
def scale_hsv(x: Bytes, hue: Single, saturation: Single, value: Single) -> None:
    """Multiply hue, saturation and value, float32 >= 0; clip each to its most; round.

    Hue, in sixths of a turn, is not turned round but clipped, to MOST_HUE.
    """
    for i in range(x.size // 3):
        r, g, b = _F32(x[3 * i]), _F32(x[3 * i + 1]), _F32(x[3 * i + 2])
        most, least = max(r, max(g, b)), min(r, min(g, b))
        span = most - least
        per_span = span if span > _0 else _1
        from_red, from_green = (g - b) / per_span, (b - r) / per_span + _2
        from_blue = (r - g) / per_span + _4
        from_red = from_red if from_red >= _0 else from_red + _6
        h = from_red if most == r else (from_green if most == g else from_blue)
        h, s = h * hue, span / (most if most > _0 else _1) * saturation
        h, s, v = h if h < MOST_HUE else MOST_HUE, s if s < _1 else _1, most * value
        v = v if v < _255 else _255
        chroma = v * s
        x[3 * i] = _byte(v - chroma * _weight(h + _5) + _HALF)
        x[3 * i + 1] = _byte(v - chroma * _weight(h + _3) + _HALF)
        x[3 * i + 2] = _byte(v - chroma * _weight(h + _1) + _HALF)


@kernel
def _weight(k: Single) -> Single:
    """By how much of the chroma a channel is below the value: a trapezium of period 6."""
    k = k if k < _6 else k - _6
    rest = _4 - k
    k = k if k < rest else rest
    k = k if k < _1 else _1
    return k if k > _0 else _0
