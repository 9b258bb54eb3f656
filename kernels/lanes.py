"""32 16-bit numbers as one value in numba code: what `resize` computes with.

One register of AVX-512, two of AVX2, four of SSE2 or NEON. Addresses are integers in bytes and need
no alignment. Nothing is checked: callers stay inside their arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from fasttricks.kernels.vector import (
    U8,
    U16,
    U32,
    Vector,
    ahead,
    constant,
    join,
    llvm_type,
    pick,
    read,
    repeat,
    write,
)

LANES = 32
"""Numbers in a vector; also the rows that one transposition works on."""
BYTES = 2 * LANES
"""Bytes of a vector in memory."""

_PART = 8  # transpositions shuffle only inside parts of 8 numbers (16 bytes), as SSE2 can
_INT = types.int64
_TYPE = Vector(U16, LANES)
_IR = _TYPE.ir


@intrinsic
def splat(typing: Any, number: Any) -> Any:
    """A vector of one number everywhere."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return repeat(builder, builder.trunc(args[0], U16), LANES)

    return _TYPE(_INT), emit


@intrinsic
def load(typing: Any, address: Any) -> Any:
    """The 32 uint16 at `address`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return read(builder, args[0], _IR)

    return _TYPE(_INT), emit


@intrinsic
def load_bytes(typing: Any, address: Any) -> Any:
    """The 32 uint8 at `address`, each times 256."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        small = read(builder, args[0], llvm_type(U8, LANES))
        return builder.shl(builder.zext(small, _IR), constant(_IR, 8))

    return _TYPE(_INT), emit


@intrinsic
def load_centred(typing: Any, address: Any) -> Any:
    """The 32 uint8 at `address`, less 128, each times 256: int16."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        small = read(builder, args[0], llvm_type(U8, LANES))
        high = builder.shl(builder.zext(small, _IR), constant(_IR, 8))
        return builder.xor(high, constant(_IR, 0x8000))

    return _TYPE(_INT), emit


@intrinsic
def prefetch(typing: Any, address: Any) -> Any:
    """Ask for the cache line at `address`, to be read soon; any address will do."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = ir.IntType(8).as_pointer()
        form = ir.FunctionType(ir.VoidType(), [place, U32, U32, U32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [place], form)
        to_read, nearest_cache, data = U32(0), U32(3), U32(1)
        builder.call(function, [builder.inttoptr(args[0], place), to_read, nearest_cache, data])
        return context.get_dummy_value()

    return types.void(_INT), emit


@intrinsic
def store(typing: Any, address: Any, value: Any) -> Any:
    """Write the 32 uint16 to `address`."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        write(builder, args[0], args[1])
        return context.get_dummy_value()

    return types.void(_INT, _TYPE), emit


@intrinsic
def add_scaled(typing: Any, total: Any, value: Any, weight: Any) -> Any:
    """`total + floor(value * weight / 65536)` modulo 65536, with `weight` in [0, 65535]."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # Written so that LLVM sees "the high half of a product": one instruction on x86.
        wide = llvm_type(U32, LANES)
        value = builder.zext(args[1], wide)
        weight = builder.zext(repeat(builder, builder.trunc(args[2], U16), LANES), wide)
        high = builder.lshr(builder.mul(value, weight), constant(wide, 16))
        return builder.add(args[0], builder.trunc(high, _IR))

    return _TYPE(_TYPE, _TYPE, _INT), emit


def _high_product(builder: Any, value: Any, weight: Any) -> Any:
    """floor(value * weight / 65536) of int16."""
    wide = llvm_type(U32, LANES)
    value = builder.sext(value, wide)
    weight = builder.sext(repeat(builder, builder.trunc(weight, U16), LANES), wide)
    high = builder.lshr(builder.mul(value, weight), constant(wide, 16))
    return builder.trunc(high, _IR)


@intrinsic
def add_floor(typing: Any, total: Any, value: Any, weight: Any) -> Any:
    """`total + floor(value * weight / 65536)`: int16, also the weight."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.add(args[0], _high_product(builder, args[1], args[2]))

    return _TYPE(_TYPE, _TYPE, _INT), emit


@intrinsic
def add_ceiling(typing: Any, total: Any, value: Any, weight: Any) -> Any:
    """`total + ceil(value * weight / 65536)`: int16, also the weight."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.sub(args[0], _high_product(builder, args[1], builder.neg(args[2])))

    return _TYPE(_TYPE, _TYPE, _INT), emit


@intrinsic
def doubled(typing: Any, value: Any) -> Any:
    """`value * 2 - 1` modulo 65536: less by half of the bit that is new."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.sub(builder.shl(args[0], constant(_IR, 1)), constant(_IR, 1))

    return _TYPE(_TYPE), emit


@intrinsic
def to_levels(typing: Any, value: Any) -> Any:
    """From int16 with 5 bits after the point, counted from level 128, to the nearest levels.

    Clipped to 0..255, each times 256; the low byte is anything.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low, high = constant(_IR, -128 << 5), constant(_IR, (128 << 5) - 1)
        value = builder.add(args[0], constant(_IR, 1 << 4))
        value = builder.select(builder.icmp_signed("<", value, low), low, value)
        value = builder.select(builder.icmp_signed(">", value, high), high, value)
        return builder.xor(builder.shl(value, constant(_IR, 3)), constant(_IR, 0x8000))

    return _TYPE(_TYPE), emit


def _transpose_parts(builder: Any, rows: Sequence[Any]) -> Sequence[Any]:
    """Transpose four 8 x 8 matrices at once: row i of matrix m is part m of `rows[i]`.

    Three perfect shuffles put the three bits of "which vector" in the place of those of "which
    number". Interleaving inside 16-byte parts is a native instruction everywhere.
    """
    starts = range(0, LANES, _PART)
    low = [p + k + side for p in starts for k in range(_PART // 2) for side in (0, LANES)]
    high = [position + _PART // 2 for position in low]
    for _ in range(3):
        pairs = zip(rows[:4], rows[4:], strict=True)
        rows = [pick(builder, a, b, half) for a, b in pairs for half in (low, high)]
    return rows


@intrinsic
def transpose_8_columns(typing: Any, source: Any, stride: Any, target: Any) -> Any:
    """From 32 rows of 8 uint16, `stride` bytes apart, write 8 vectors, one per column."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, stride, target = args
        part = llvm_type(U16, _PART)
        rows = [read(builder, ahead(builder, source, r, stride), part) for r in range(LANES)]
        vectors = []
        for r in range(_PART):
            upper = join(builder, rows[r], rows[r + _PART])
            lower = join(builder, rows[r + 2 * _PART], rows[r + 3 * _PART])
            vectors.append(join(builder, upper, lower))
        for column, value in enumerate(_transpose_parts(builder, vectors)):
            write(builder, ahead(builder, target, column * BYTES), value)
        return context.get_dummy_value()

    return types.void(_INT, _INT, _INT), emit


@intrinsic
def transpose_16_bytes(typing: Any, source: Any, target: Any, stride: Any) -> Any:
    """From 16 vectors, one per column, write the high bytes as 32 rows of 16 bytes.

    The rows are `stride` bytes apart. High bytes: the numbers divided by 256, cut off.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target, stride = args
        rows = []
        for column in range(0, 2 * _PART, 2):
            even, odd = (
                read(builder, ahead(builder, source, (column + k) * BYTES), _IR) for k in (0, 1)
            )
            # Two neighbours in a row of the result, in memory order: the first is the low byte.
            even, odd = (
                builder.lshr(even, constant(_IR, 8)),
                builder.and_(odd, constant(_IR, 0xFF00)),
            )
            rows.append(builder.or_(even, odd))
        for r, value in enumerate(_transpose_parts(builder, rows)):
            for at in range(0, LANES, _PART):
                row = pick(builder, value, value, range(at, at + _PART))
                write(builder, ahead(builder, target, at + r, stride), row)
        return context.get_dummy_value()

    return types.void(_INT, _INT, _INT), emit
