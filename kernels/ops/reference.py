"""What the operations compute, in float64 NumPy: slow, short, and the definition.

Pictures are uint8 [H, W, 3]. It shares no code with the kernels, only the names of the steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.steps import Op

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
Numbers = tuple[float, float, float]

ROUNDED = (Op.JITTER_BRIGHTNESS, Op.JITTER_CONTRAST, Op.JITTER_SATURATION, Op.JITTER_HSV)
"""Steps whose exact result is rounded to uint8; that of others is cut off."""


def apply(op: Op, picture: Picture, numbers: Numbers) -> Picture:
    """One step on one picture. `numbers` are (amount, second, third) of `kernels.steps.STEP`."""
    value = np.clip(exact(op, picture, numbers), 0, 255)
    return np.floor(value + 0.5 if op in ROUNDED else value).astype(np.uint8)


def exact(op: Op, picture: Picture, numbers: Numbers) -> Floats:
    """The result before it is clipped and rounded or cut off, float64 [H, W, 3].

    At infinite precision; float32 kernels may land on the other side of an integer near by.
    """
    if op in GEOMETRIC:
        return warp(picture, *source(op, numbers[0], picture.shape[:2]), numbers[1])
    return np.asarray(_OPS[op](picture, numbers), np.float64)


def source(op: Op, amount: float, sides: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Where each output pixel's centre comes from: continuous (row, column), each [H, W].

    Pixel k takes up [k, k + 1).
    """
    height, width = sides
    y, x = np.mgrid[:height, :width] + 0.5
    if op == Op.SHEAR_X:
        return y, x + amount * y
    if op == Op.SHEAR_Y:
        return y + amount * x, x
    if op == Op.TRANSLATE_X:
        return y, x - math.trunc(amount)
    if op == Op.TRANSLATE_Y:
        return y - math.trunc(amount), x
    angle = math.radians(amount)
    up, right = height / 2 - y, x - width / 2
    # The picture turns counter-clockwise, so the source is found by turning back.
    back_right = math.cos(angle) * right + math.sin(angle) * up
    back_up = math.cos(angle) * up - math.sin(angle) * right
    return height / 2 - back_up, width / 2 + back_right


def warp(picture: Picture, rows: Floats, columns: Floats, fill: float) -> Floats:
    """The pixels at continuous coordinates, `fill` outside the picture."""
    height, width, _ = picture.shape
    y, x = np.floor(rows).astype(int), np.floor(columns).astype(int)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    result = np.full(picture.shape, fill, np.float64)
    result[inside] = picture[y[inside], x[inside]]
    return result


def blend(other: Floats | float, picture: Picture, share: float) -> Floats:
    """`share` of the picture and the rest of the other, also beyond 0 and 1."""
    return np.asarray(share * picture.astype(np.float64) + (1 - share) * other)


def grey(picture: Picture) -> Floats:
    """torchvision's grey levels [H, W, 1], cut off to integers."""
    exactly = picture.astype(np.int64) @ np.array([2989, 5870, 1140]) // 10000
    return exactly[..., None].astype(np.float64)


def luma(picture: Picture) -> Floats:
    """.299 R + .587 G + .114 B, [H, W, 1]."""
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114]))[..., None]


def smooth(picture: Picture) -> Floats:
    """3 x 3 filter of ones with 5 in the middle, rounded; the outermost pixels as they are."""
    result = picture.astype(np.float64)
    height, width, _ = picture.shape
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            around = picture[y - 1 : y + 2, x - 1 : x + 2].astype(int).sum((0, 1))
            result[y, x] = np.round((around + 4 * picture[y, x].astype(int)) / 13)
    return result


def auto_contrast(picture: Picture) -> Floats:
    """Each channel's least level to 0, its largest to 255."""
    least, most = picture.min((0, 1)).astype(float), picture.max((0, 1)).astype(float)
    span = np.where(most > least, most - least, 1)
    return np.where(most > least, (picture - least) * 255 / span, picture)


def equalize(picture: Picture) -> Floats:
    """PIL's `ImageOps.equalize`: levels become how many pixels are darker, in steps."""
    result = picture.astype(np.float64)
    for c in range(3):
        counts = [int((picture[..., c] == level).sum()) for level in range(256)]
        step = (sum(counts) - [n for n in counts if n][-1]) // 255
        if step:
            table = [min(255, (sum(counts[:level]) + step // 2) // step) for level in range(256)]
            result[..., c] = np.array(table)[picture[..., c]]
    return result


def scale_hsv(picture: Picture, numbers: Numbers) -> Floats:
    """Every pixel to HSV, multiplied, clipped, and back: H in degrees, S in 0-1, V in 0-255."""
    result = np.empty(picture.shape)
    for at in np.ndindex(picture.shape[:2]):
        r, g, b = (float(level) for level in picture[at])
        value, span = max(r, g, b), max(r, g, b) - min(r, g, b)
        if span == 0:
            hue = 0.0
        elif value == r:
            hue = (60 * (g - b) / span) % 360
        elif value == g:
            hue = 60 * (b - r) / span + 120
        else:
            hue = 60 * (r - g) / span + 240
        saturation = span / value if value else 0.0
        hue, saturation = min(hue * numbers[0], 358.0), min(saturation * numbers[1], 1.0)
        result[at] = from_hsv(hue, saturation, min(value * numbers[2], 255.0))
    return result


def from_hsv(hue: float, saturation: float, value: float) -> Numbers:
    """R, G, B of a colour, by the six sectors of the hexagon."""
    sector, part = divmod(hue / 60, 1)
    low, falling = value * (1 - saturation), value * (1 - saturation * part)
    rising = value * (1 - saturation * (1 - part))
    return (
        (value, rising, low),
        (falling, value, low),
        (low, value, rising),
        (low, falling, value),
        (rising, low, value),
        (value, low, falling),
    )[int(sector)]


GEOMETRIC = (Op.SHEAR_X, Op.SHEAR_Y, Op.TRANSLATE_X, Op.TRANSLATE_Y, Op.ROTATE)

_OPS: dict[Op, Callable[[Picture, Numbers], Floats | Picture]] = {
    Op.AUTO_CONTRAST: lambda x, n: auto_contrast(x),
    Op.INVERT: lambda x, n: 255 - x,
    Op.EQUALIZE: lambda x, n: equalize(x),
    Op.SOLARIZE: lambda x, n: np.where(x >= n[0], 255 - x, x),
    Op.POSTERIZE: lambda x, n: x - x % 2.0 ** (8 - int(n[0])),
    Op.CONTRAST: lambda x, n: blend(grey(x).mean(), x, n[0]),
    Op.COLOR: lambda x, n: blend(grey(x), x, n[0]),
    Op.BRIGHTNESS: lambda x, n: blend(0.0, x, n[0]),
    Op.SHARPNESS: lambda x, n: blend(smooth(x), x, n[0]),
    Op.FADE: lambda x, n: blend(n[1], x, n[0]),
    Op.JITTER_BRIGHTNESS: lambda x, n: blend(0.0, x, n[0]),
    Op.JITTER_CONTRAST: lambda x, n: blend(luma(x).mean(), x, n[0]),
    Op.JITTER_SATURATION: lambda x, n: blend(luma(x), x, n[0]),
    Op.JITTER_HSV: scale_hsv,
}
