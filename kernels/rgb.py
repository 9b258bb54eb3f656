"""16 RGB pixels as three vectors of float32 in numba code: what the CPU finish computes with.

Addresses are integers in bytes and need no alignment. Nothing is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fasttricks.kernels.vector import (
    F32,
    U8,
    U16,
    U32,
    Vector,
    ahead,
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
STREAM = 4 * PIXELS
"""Bytes that addresses for `stream_float32` are a multiple of."""

_INT = types.int64
_TYPE = Vector(F32, PIXELS)
_PIXELS = types.UniTuple(_TYPE, 3)
_IR = _TYPE.ir
_BITS = llvm_type(U32, PIXELS)
_BEGINS = 0, 12, 24, 32
"""Where those 16 of 48 bytes begin that have pixels 0 to 3, 4 to 7, and so on: none beyond 48."""


def _parts(builder: Any, address: Any) -> Any:
    """64 bytes, of which each part of 16 has the next four pixels. CPUs move bytes at will only
    inside such parts."""
    whole = [read(builder, ahead(builder, address, at), llvm_type(U8, 16)) for at in _BEGINS]
    return join(builder, join(builder, *whole[:2]), join(builder, *whole[2:]))


def _channel(builder: Any, parts: Any, c: int, pixels: Sequence[int]) -> Any:
    """Channel `c` of pixels in this order as 32-bit numbers: one step moves and widens them."""
    zeros = ir.Constant(parts.type, None)
    order = []
    for pixel in pixels:
        part = pixel // 4
        byte = 3 * pixel + c - _BEGINS[part]
        order += [16 * part + byte] + 3 * [parts.type.count]  # a number's low byte is first
    return builder.bitcast(pick(builder, parts, zeros, order), _BITS)


@intrinsic
def load_pixels(typing: Any, address: Any, mirrored: Any) -> Any:
    """A tuple red, green, blue of the 16 uint8 pixels at `address`; in reverse if `mirrored`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = _parts(builder, args[0])
        channels = []
        for c in range(3):
            picked = builder.select(
                args[1],
                _channel(builder, parts, c, range(PIXELS)[::-1]),
                _channel(builder, parts, c, range(PIXELS)),
            )
            channels.append(builder.sitofp(picked, _IR))
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
    """48 numbers: the three vectors' first, their second, and so on. In vectors of 32 numbers those
    stand at odd places."""
    red, green, blue = channels
    head, tail = join(builder, red, green), join(builder, blue, blue)
    step = red.type.count // PIXELS
    order = [step * (k + c * PIXELS) + step - 1 for k in range(PIXELS) for c in range(3)]
    return pick(builder, head, tail, order)


def _bfloat16(builder: Any, value: Any) -> Any:
    """The bits of bfloat16 at odd places: the upper half of float32's, rounded to nearest even."""
    bits = builder.bitcast(value, _BITS)
    odd = builder.and_(builder.lshr(bits, constant(_BITS, 16)), constant(_BITS, 1))
    bits = builder.add(bits, builder.add(odd, constant(_BITS, 0x7FFF)))
    return builder.bitcast(bits, llvm_type(U16, 2 * PIXELS))


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


def _stream(builder: Any, address: Any, value: Any) -> None:
    """As `write`, of 48 numbers of 4 bytes, past the caches."""
    for number in range(3):
        part = pick(builder, value, value, range(number * PIXELS, (number + 1) * PIXELS))
        place = ahead(builder, address, number * STREAM)
        stored = builder.store(part, builder.inttoptr(place, part.type.as_pointer()), align=STREAM)
        stored.set_metadata("nontemporal", builder.module.add_metadata([U32(1)]))


def _store(convert: Any, put: Callable[[Any, Any, Any], None] = write) -> Any:
    """The code generator that puts three channels as interleaved pixels of another format."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        channels = cgutils.unpack_tuple(builder, args[1])
        put(builder, args[0], _interleave(builder, [convert(builder, c) for c in channels]))
        return context.get_dummy_value()

    return types.void(_INT, _PIXELS), emit


@intrinsic
def store_float32(typing: Any, address: Any, pixels: Any) -> Any:
    """Write 16 pixels, a tuple of three vectors, as 3 float32 each."""
    return _store(lambda builder, value: value)


@intrinsic
def stream_float32(typing: Any, address: Any, pixels: Any) -> Any:
    """As `store_float32` to a multiple of STREAM bytes, past the caches: a whole line is not read
    before it is written, and nothing else has to leave for it. `settle` when all is written."""
    return _store(lambda builder, value: value, _stream)


@intrinsic
def settle(typing: Any) -> Any:
    """Before another thread is told of pixels that were streamed."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), emit


@intrinsic
def store_float16(typing: Any, address: Any, pixels: Any) -> Any:
    """Write 16 pixels as 3 float16 each."""
    return _store(_float16)


@intrinsic
def store_bfloat16(typing: Any, address: Any, pixels: Any) -> Any:
    """Write 16 pixels as 3 bfloat16 each."""
    return _store(_bfloat16)
