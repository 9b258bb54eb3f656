"""Mixing in Triton kernels: `mix.description` says what the words of a description mean."""

from __future__ import annotations

import triton
import triton.language as tl

from fasttricks.kernels.mix.description import PATCHES
from fasttricks.kernels.mix.words import (
    COUNTER,
    DEVIATION,
    FROM_LEFT,
    FROM_TOP,
    KEY,
    PATCH_WORDS,
    PATCHES_AT,
    SOURCE,
    VALUE,
    WEIGHT,
)
from fasttricks.kernels.noise_triton import noise
from fasttricks.kernels.read_triton import finished

_OWN = tl.constexpr(PATCHES)


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
    """Red, green, blue of an output's pixels; y, x and the results as in `finished`.

    Of what no pixel of this program shows nothing is read or computed.
    """
    seen, shown, used = _shown(mix, y, x, GROUP)
    if (used >> _OWN) != 0:
        own = tl.load(mix).to(tl.int64)
        red, green, blue = finished(
            *(pixels, matrix, flip, own, y, x, 0, 0, seen != 0, height, width, stride, line),
            *(False, GROUP),
        )
    else:
        red = _spread(seen, GROUP).to(tl.float32)  # zeros
        green, blue = red, red
    for i in range(tl.load(mix + 1)):
        if ((used >> i) & 1) != 0:
            patch = mix + PATCHES_AT + i * PATCH_WORDS
            bits = (shown >> (i * GROUP)) & ((1 << GROUP) - 1)
            source = tl.load(patch + SOURCE).to(tl.int64)
            if source < 0:
                red2 = tl.zeros_like(red) + as_float(patch + VALUE)
                green2 = tl.zeros_like(red) + as_float(patch + VALUE + 1)
                blue2 = tl.zeros_like(red) + as_float(patch + VALUE + 2)
                if NOISE:
                    deviation = as_float(patch + DEVIATION)
                    if deviation > 0:
                        key, counter = mix + KEY, mix + COUNTER
                        normals = noise(key, counter, y * width + x, GROUP)
                        red2 += deviation * normals[0]
                        green2 += deviation * normals[1]
                        blue2 += deviation * normals[2]
            else:
                down = tl.load(patch + FROM_TOP) - tl.load(patch)
                across = tl.load(patch + FROM_LEFT) - tl.load(patch + 1)
                red2, green2, blue2 = finished(
                    *(pixels, matrix, flip, source, y, x, down, across, bits != 0),
                    *(height, width, stride, line, True, GROUP),
                )
            weight, here = as_float(patch + WEIGHT), _spread(bits, GROUP)
            red = tl.where(here, tl.fma(weight, red2, red * (1 - weight)), red)
            green = tl.where(here, tl.fma(weight, green2, green * (1 - weight)), green)
            blue = tl.where(here, tl.fma(weight, blue2, blue * (1 - weight)), blue)
    return red, green, blue


@triton.jit
def _shown(mix, y, x, GROUP: tl.constexpr):
    """What the pixels (y, x), (y, x + 1), ... show, as bits of int32.

    Returns:
        [n]: those that show the own picture.
        [n]: those that show patch 0, above them those that show patch 1, ...
        One number for the program: bit i if any of its pixels shows patch i, bit _OWN if any shows
        the own picture. A scalar, so what depends on it is jumped over.
    """
    count = tl.load(mix + 1)
    # A pixel shows one patch at most.
    free = tl.zeros_like(x) + ((1 << GROUP) - 1)
    seen, shown, used = free, tl.zeros_like(x), tl.zeros_like(x)
    for n in range(count):
        i = count - 1 - n  # the last one that has a pixel is what it shows
        patch = mix + PATCHES_AT + i * PATCH_WORDS
        weight = as_float(patch + WEIGHT)
        bits = free & _inside(patch, y, x, GROUP)
        free, shown = free ^ bits, shown | (bits << (i * GROUP))
        seen = tl.where(weight == 1, seen ^ bits, seen)
        used |= tl.where(weight > 0, (bits != 0).to(tl.int32) << i, 0)
    used |= (seen != 0).to(tl.int32) << _OWN
    return seen, shown, tl.reduce(used, 0, _or)


@triton.jit
def _or(a, b):
    return a | b


@triton.jit
def _inside(patch, y, x, GROUP: tl.constexpr):
    """Which of the pixels (y, x), (y, x + 1), ... lie in a patch: bits of int32 [n]."""
    down = y - tl.load(patch)
    begin = clipped(tl.load(patch + 1) - x, GROUP)
    end = clipped(tl.load(patch + 1) + tl.load(patch + 3) - x, GROUP)
    return tl.where((down >= 0) & (down < tl.load(patch + 2)), (1 << end) - (1 << begin), 0)


@triton.jit
def clipped(number, GROUP: tl.constexpr):
    """How many of the numbers below GROUP are less than this one."""
    return tl.minimum(tl.maximum(number, 0), GROUP)


@triton.jit
def _spread(bits, GROUP: tl.constexpr):
    """Of int32 [n] the lowest GROUP bits, each by itself: bool [n, GROUP], or [n] of one."""
    if GROUP > 1:
        bits = bits[:, None] >> tl.arange(0, GROUP)[None, :]
    return (bits & 1) != 0


@triton.jit
def as_float(word):
    """The float32 in an int32 word."""
    return tl.load(word).to(tl.float32, bitcast=True)
