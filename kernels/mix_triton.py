"""Mixing in Triton kernels: see `kernels.mix` for what the words of a description mean."""

from __future__ import annotations

import triton
import triton.language as tl

from fasttricks.kernels.mix import MIX, PATCH, word
from fasttricks.kernels.read_triton import finished

WORDS = tl.constexpr(MIX.itemsize // 4)
_KEY = tl.constexpr(word(MIX, "key"))
_COUNTER = tl.constexpr(word(MIX, "counter"))
_PATCHES = tl.constexpr(word(MIX, "patches"))
_PATCH = tl.constexpr(PATCH.itemsize // 4)
_SOURCE = tl.constexpr(word(PATCH, "source"))
_FROM_TOP = tl.constexpr(word(PATCH, "from_top"))
_FROM_LEFT = tl.constexpr(word(PATCH, "from_left"))
_WEIGHT = tl.constexpr(word(PATCH, "weight"))
_VALUE = tl.constexpr(word(PATCH, "value"))
_NOISE = tl.constexpr(word(PATCH, "noise"))


@triton.jit
def mixed(
    pixels,
    matrix,
    flip,
    mix,
    y,
    x,
    height,
    width,
    stride,
    line,
    NOISE: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Red, green, blue of an output's pixels; y, x and the results as in `finished`."""
    own, count = tl.load(mix).to(tl.int64), tl.load(mix + 1)
    # Which pixels of a group show which patch is kept as bits, GROUP of them for each patch; a
    # pixel shows one at most. `seen` are those where the own picture is seen.
    free = tl.zeros_like(x) + ((1 << GROUP) - 1)
    seen, shown = free, tl.zeros_like(x)
    for n in range(count):
        i = count - 1 - n  # the last one that has a pixel is what it shows
        patch = mix + _PATCHES + i * _PATCH
        bits = free & _inside(patch, y, x, GROUP)
        free, shown = free ^ bits, shown | (bits << (i * GROUP))
        seen = tl.where(_float(patch + _WEIGHT) == 1, seen ^ bits, seen)
    red, green, blue = finished(
        *(pixels, matrix, flip, own, y, x, 0, 0, seen != 0, height, width, stride, line),
        *(False, GROUP),
    )
    for i in range(count):
        patch = mix + _PATCHES + i * _PATCH
        bits = (shown >> (i * GROUP)) & ((1 << GROUP) - 1)
        source = tl.load(patch + _SOURCE).to(tl.int64)
        if source < 0:
            red2 = tl.zeros_like(red) + _float(patch + _VALUE)
            green2 = tl.zeros_like(red) + _float(patch + _VALUE + 1)
            blue2 = tl.zeros_like(red) + _float(patch + _VALUE + 2)
            if NOISE:
                deviation = _float(patch + _NOISE)
                if deviation > 0:
                    normal0, normal1, normal2 = _normals(mix, y, x, width, GROUP)
                    red2 += deviation * normal0
                    green2 += deviation * normal1
                    blue2 += deviation * normal2
        else:
            down = tl.load(patch + _FROM_TOP) - tl.load(patch)
            across = tl.load(patch + _FROM_LEFT) - tl.load(patch + 1)
            red2, green2, blue2 = finished(
                *(pixels, matrix, flip, source, y, x, down, across, bits != 0),
                *(height, width, stride, line, True, GROUP),
            )
        weight, here = _float(patch + _WEIGHT), _spread(bits, GROUP)
        red = tl.where(here, tl.fma(weight, red2, red * (1 - weight)), red)
        green = tl.where(here, tl.fma(weight, green2, green * (1 - weight)), green)
        blue = tl.where(here, tl.fma(weight, blue2, blue * (1 - weight)), blue)
    return red, green, blue


@triton.jit
def _inside(patch, y, x, GROUP: tl.constexpr):
    """Which of the pixels (y, x), (y, x + 1), ... lie in a patch: bits of int32 [n]."""
    down = y - tl.load(patch)
    begin = _clipped(tl.load(patch + 1) - x, GROUP)
    end = _clipped(tl.load(patch + 1) + tl.load(patch + 3) - x, GROUP)
    return tl.where((down >= 0) & (down < tl.load(patch + 2)), (1 << end) - (1 << begin), 0)


@triton.jit
def _clipped(number, GROUP: tl.constexpr):
    return tl.minimum(tl.maximum(number, 0), GROUP)


@triton.jit
def _spread(bits, GROUP: tl.constexpr):
    """Of int32 [n] the lowest GROUP bits, each by itself: bool [n, GROUP], or [n] of one."""
    if GROUP > 1:
        bits = bits[:, None] >> tl.arange(0, GROUP)[None, :]
    return (bits & 1) != 0


@triton.jit
def _float(word):
    """The float32 in an int32 word."""
    return tl.load(word).to(tl.float32, bitcast=True)


@triton.jit
def _normals(mix, y, x, width, GROUP: tl.constexpr):
    """Three standard normal values for each pixel, see `kernels.mix.MIX`."""
    pixel = y * width + x
    if GROUP > 1:
        pixel = pixel[:, None] + tl.arange(0, GROUP)[None, :]
    key0 = tl.load(mix + _KEY).to(tl.uint32, bitcast=True).to(tl.uint64)
    key1 = tl.load(mix + _KEY + 1).to(tl.uint32, bitcast=True).to(tl.uint64)
    zero = tl.zeros_like(pixel)
    c1 = (zero + tl.load(mix + _COUNTER)).to(tl.uint32, bitcast=True)
    c2 = (zero + tl.load(mix + _COUNTER + 1)).to(tl.uint32, bitcast=True)
    c3 = (zero + tl.load(mix + _COUNTER + 2)).to(tl.uint32, bitcast=True)
    w0, w1, w2, w3 = tl.philox(key1 << 32 | key0, pixel.to(tl.uint32), c1, c2, c3)
    radius0, radius1 = _radius(w0), _radius(w2)
    angle0, angle1 = _angle(w1), _angle(w3)
    return radius0 * tl.cos(angle0), radius0 * tl.sin(angle0), radius1 * tl.cos(angle1)


@triton.jit
def _radius(word):
    """sqrt(-2 log(1 - word / 2**32)); a series where 1 minus a small number would lose digits."""
    unit = word.to(tl.float32) * 2.0**-32
    series = unit * (1.0 + unit * (1 / 2 + unit * (1 / 3 + unit * (1 / 4))))
    rest = ((word ^ 0xFFFFFFFF).to(tl.float32) + 1.0) * 2.0**-32
    return tl.sqrt(2.0 * tl.where(unit < 1 / 64, series, -tl.log(rest)))


@triton.jit
def _angle(word):
    """2 pi word / 2**32, less 2 pi in the upper half: small angles are more exact."""
    return word.to(tl.int32, bitcast=True).to(tl.float32) * (6.283185307179586 * 2.0**-32)
