"""From a JPEG's samples to RGB: chroma upsampled, YCbCr converted, bit for bit as by libjpeg-turbo.

That is "fancy upsampling" (jdsample.c), a triangle filter, and the conversion of jdcolor.c, which
rounds each channel once. All operations make 16 pixels or, of a doubled row, 32.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from fasttricks.kernels.vector import (
    U8,
    U16,
    U32,
    Integers,
    ahead,
    join,
    llvm_type,
    pick,
    read,
    read_levels,
    write,
)

PIXELS = 16
"""Pixels, or samples of a row to be doubled, that one operation works on."""

_ADDRESS = types.int64
_BYTES = llvm_type(U8, PIXELS)
_POINT = 16  # bits behind the point of the constants
_HALF = 1 << (_POINT - 1)


def _constant(number: float) -> int:
    return round(number * (1 << _POINT))


def _write_in_turns(builder: Any, target: Any, even: Integers, odd: Integers) -> None:
    order = [k + side for k in range(PIXELS) for side in (0, PIXELS)]
    write(builder, target, pick(builder, even.to(U8).value, odd.to(U8).value, order))


@intrinsic
def double_width(typing: Any, source: Any, target: Any) -> Any:
    """32 samples in place of 16: three parts of the nearer one, one part of the farther.

    Reads one sample before the 16 and one behind them.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target = args
        before, here, behind = (
            read_levels(builder, ahead(builder, source, at), PIXELS, U16) for at in (-1, 0, 1)
        )
        even, odd = here * 3 + before + 1, here * 3 + behind + 2
        _write_in_turns(builder, target, even >> 2, odd >> 2)
        return context.get_dummy_value()

    return types.void(_ADDRESS, _ADDRESS), emit


@intrinsic
def double_both(typing: Any, near: Any, far: Any, target: Any) -> Any:
    """As `double_width`, of three parts of the nearer row and one part of the farther."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        near, far, target = args
        sums = []
        for at in (-1, 0, 1):
            nearer, farther = (
                read_levels(builder, ahead(builder, row, at), PIXELS, U16) for row in (near, far)
            )
            sums.append(nearer * 3 + farther)
        before, here, behind = sums
        even, odd = here * 3 + before + 8, here * 3 + behind + 7
        _write_in_turns(builder, target, even >> 4, odd >> 4)
        return context.get_dummy_value()

    return types.void(_ADDRESS, _ADDRESS, _ADDRESS), emit


def _write_pixels(builder: Any, target: Any, red: Any, green: Any, blue: Any) -> None:
    head, tail = join(builder, red, green), join(builder, blue, blue)
    order = [k + c * PIXELS for k in range(PIXELS) for c in range(3)]
    write(builder, target, pick(builder, head, tail, order))


@intrinsic
def write_rgb(typing: Any, luma: Any, cb: Any, cr: Any, target: Any) -> Any:
    """16 pixels of YCbCr as RGB, 48 bytes."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        luma, cb, cr, target = args
        y = read_levels(builder, luma, PIXELS, U32)
        blue, red = (read_levels(builder, place, PIXELS, U32) - 128 for place in (cb, cr))
        differences = (
            red * _constant(1.402),
            red * -_constant(0.71414) + blue * -_constant(0.34414),
            blue * _constant(1.772),
        )
        channels = [y + (it + _HALF >> _POINT) for it in differences]
        _write_pixels(builder, target, *(it.clipped(0, 255).to(U8).value for it in channels))
        return context.get_dummy_value()

    return types.void(_ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS), emit


@intrinsic
def write_grey(typing: Any, luma: Any, target: Any) -> Any:
    """16 grey pixels as RGB, 48 bytes."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        y = read(builder, args[0], _BYTES)
        _write_pixels(builder, args[1], y, y, y)
        return context.get_dummy_value()

    return types.void(_ADDRESS, _ADDRESS), emit
