"""16 RGB pixels as three vectors of float32 in numba code: what the CPU finish computes with.

Addresses are integers in bytes and need no alignment. Nothing is checked.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic

from fasttricks.kernels.vector import (
    F32,
    U8,
    U16,
    U32,
    Vector,
    constant,
    join,
    llvm_type,
    multiply_add,
    pick,
    read,
    repeat,
    write,
)

PIXELS = 16
"""Pixels that one operation works on."""

_INT = types.int64
_TYPE = Vector(F32, PIXELS)
_IR = _TYPE.ir
_BITS = llvm_type(U32, PIXELS)


@intrinsic
def load_pixels(typing: Any, address: Any, mirrored: Any) -> Any:
    """A tuple red, green, blue of the 16 uint8 pixels at `address`; in reverse if `mirrored`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pixels = read(builder, args[0], llvm_type(U8, 3 * PIXELS))
        channels = []
        for c in range(3):
            forward = range(c, 3 * PIXELS, 3)
            picked = builder.select(
                args[1],
                pick(builder, pixels, pixels, forward[::-1]),
                pick(builder, pixels, pixels, forward),
            )
            channels.append(builder.uitofp(picked, _IR))
        return context.make_tuple(builder, signature.return_type, channels)

    return types.UniTuple(_TYPE, 3)(_INT, types.boolean), emit


@intrinsic
def affine(
    typing: Any, red: Any, green: Any, blue: Any, r: Any, g: Any, b: Any, offset: Any
) -> Any:
    """`red * r + green * g + blue * b + offset`, see `vector.multiply_add` for the rounding."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        total = repeat(builder, args[6], PIXELS)
        for channel, factor in zip(args[:3], args[3:6], strict=True):
            total = multiply_add(builder, channel, repeat(builder, factor, PIXELS), total)
        return total

    return _TYPE(*(_TYPE,) * 3, *(types.float32,) * 4), emit


def _interleave(builder: Any, channels: Any) -> Any:
    """48 numbers: the three vectors' first, their second, and so on."""
    red, green, blue = channels
    head, tail = join(builder, red, green), join(builder, blue, blue)
    order = [k + c * PIXELS for k in range(PIXELS) for c in range(3)]
    return pick(builder, head, tail, order)


def _bfloat16(builder: Any, value: Any) -> Any:
    """The bits of bfloat16: the upper half of float32's, rounded to nearest even."""
    bits = builder.bitcast(value, _BITS)
    odd = builder.and_(builder.lshr(bits, constant(_BITS, 16)), constant(_BITS, 1))
    bits = builder.add(bits, builder.add(odd, constant(_BITS, 0x7FFF)))
    return builder.trunc(builder.lshr(bits, constant(_BITS, 16)), llvm_type(U16, PIXELS))


def _float16(builder: Any, value: Any) -> Any:
    """The bits of IEEE half precision, rounded to nearest even; too large becomes infinite.

    In integers, because LLVM's own conversion calls a function that is missing (and crashes) on
    CPUs without the instruction.
    """

    def number(bits: int) -> Any:
        return constant(_BITS, bits)

    bits = builder.bitcast(value, _BITS)
    sign = builder.and_(bits, number(0x80000000))
    size = builder.xor(bits, sign)
    # Normal: rebias the exponent by 127 - 15 and round off 13 bits of the mantissa.
    odd = builder.and_(builder.lshr(size, number(13)), number(1))
    rounded = builder.add(
        size, builder.add(odd, number((0x0FFF - ((127 - 15) << 23)) & 0xFFFFFFFF))
    )
    normal = builder.lshr(rounded, number(13))
    # Below 2^-14: adding 0.5, whose last bit is 2^-24, lets the float unit shift and round.
    half = number(0x3F000000)
    shifted = builder.fadd(builder.bitcast(size, _IR), builder.bitcast(half, _IR))
    small = builder.sub(builder.bitcast(shifted, _BITS), half)
    half_bits = builder.select(
        builder.icmp_unsigned("<", size, number((127 - 14) << 23)), small, normal
    )
    infinite = builder.icmp_unsigned(">=", size, number((127 + 16) << 23))
    half_bits = builder.select(infinite, number(0x7C00), half_bits)
    half_bits = builder.or_(half_bits, builder.lshr(sign, number(16)))
    return builder.trunc(half_bits, llvm_type(U16, PIXELS))


def _store(convert: Any) -> Any:
    """The code generator that writes three channels as interleaved pixels of another format."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        write(builder, args[0], _interleave(builder, [convert(builder, c) for c in args[1:]]))
        return context.get_dummy_value()

    return types.void(_INT, _TYPE, _TYPE, _TYPE), emit


@intrinsic
def store_float32(typing: Any, address: Any, red: Any, green: Any, blue: Any) -> Any:
    """Write 16 pixels of 3 float32."""
    return _store(lambda builder, value: value)


@intrinsic
def store_float16(typing: Any, address: Any, red: Any, green: Any, blue: Any) -> Any:
    """Write 16 pixels of 3 float16."""
    return _store(_float16)


@intrinsic
def store_bfloat16(typing: Any, address: Any, red: Any, green: Any, blue: Any) -> Any:
    """Write 16 pixels of 3 bfloat16."""
    return _store(_bfloat16)
