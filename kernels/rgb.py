"""16 RGB pixels as three vectors of float32 in numba code: what the CPU finish computes with.

Addresses are integers in bytes and need no alignment. Nothing is checked.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
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
_PIXELS = types.UniTuple(_TYPE, 3)
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

    return _PIXELS(_INT, types.boolean), emit


@intrinsic
def copy(typing: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy `count` bytes between addresses; the two places must not overlap."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        places = [builder.inttoptr(address, U8.as_pointer()) for address in args[:2]]
        cgutils.raw_memcpy(builder, *places, args[2], 1)
        return context.get_dummy_value()

    return types.void(_INT, _INT, _INT), emit


@intrinsic
def load_floats(typing: Any, address: Any) -> Any:
    """The 16 float32 at `address`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return read(builder, args[0], _IR)

    return _TYPE(_INT), emit


@intrinsic
def affine(typing: Any, pixels: Any, weights: Any, offsets: Any) -> Any:
    """A . rgb + b of 16 pixels: a tuple of three vectors.

    Args:
        pixels: tuple red, green, blue, as `load_pixels` returns it.
        weights: tuple of 9 float32, A row by row.
        offsets: tuple b of three numbers, float32 for all 16 pixels or a vector of one for each.
            For the rounding see `vector.multiply_add`.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        channels, factors, totals = (cgutils.unpack_tuple(builder, packed) for packed in args)
        made = []
        for c, total in enumerate(totals):
            total = total if isinstance(offsets.dtype, Vector) else repeat(builder, total, PIXELS)
            for channel, factor in zip(channels, factors[3 * c : 3 * c + 3], strict=True):
                total = multiply_add(builder, channel, repeat(builder, factor, PIXELS), total)
            made.append(total)
        return context.make_tuple(builder, signature.return_type, made)

    return _PIXELS(_PIXELS, types.UniTuple(types.float32, 9), offsets), emit


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
        channels = cgutils.unpack_tuple(builder, args[1])
        write(builder, args[0], _interleave(builder, [convert(builder, c) for c in channels]))
        return context.get_dummy_value()

    return types.void(_INT, _PIXELS), emit


@intrinsic
def store_float32(typing: Any, address: Any, pixels: Any) -> Any:
    """Write 16 pixels, a tuple of three vectors, as 3 float32 each."""
    return _store(lambda builder, value: value)


@intrinsic
def store_float16(typing: Any, address: Any, pixels: Any) -> Any:
    """Write 16 pixels as 3 float16 each."""
    return _store(_float16)


@intrinsic
def store_bfloat16(typing: Any, address: Any, pixels: Any) -> Any:
    """Write 16 pixels as 3 bfloat16 each."""
    return _store(_bfloat16)
