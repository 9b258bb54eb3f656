"""The inverse DCT of a JPEG's blocks, two at a time, bit for bit as libjpeg-turbo's accurate one.

That is jidctint.c ("islow"), as its SIMD code carries it out: with 16 bits before each step.
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
    Integers,
    ahead,
    constant,
    llvm_type,
    pick,
    read,
    write,
)

BLOCKS = 2
"""Blocks that are transformed at once, side by side."""
ROW = 8 * BLOCKS
"""Coefficients of one row of those blocks, which lie together: int16 [8, 2, 8]."""
ROW_BYTES = 2 * ROW

_ADDRESS = types.int64
_NUMBERS = llvm_type(U16, ROW)
_POINT = 13  # bits behind the point of the constants
_KEPT = 2  # bits behind the point that columns hand on to rows
_GAIN = 3  # a 2-D DCT is 8 times too large
_HALF = 1 << (15 - _KEPT)  # what is within this of 0 can be shifted by `_KEPT` in 16 bits


def _constant(number: float) -> int:
    return round(number * (1 << _POINT))


_0_298, _0_390, _0_541 = map(_constant, (0.298631336, 0.390180644, 0.541196100))
_0_765, _0_899, _1_175 = map(_constant, (0.765366865, 0.899976223, 1.175875602))
_1_501, _1_847, _1_961 = map(_constant, (1.501321110, 1.847759065, 1.961570560))
_2_053, _2_562, _3_072 = map(_constant, (2.053119869, 2.562915447, 3.072711026))


def _transform(x: Sequence[Integers], shift: int) -> list[Integers]:
    """One dimension, of 8 vectors of 16 bits; results of 32 bits have lost the lowest `shift`.

    Loeffler, Ligtenberg and Moschytz: Practical fast 1-D DCT algorithms with 11 multiplications
    (1989), figure 1, backwards.
    """
    wide = [numbers.to(U32) for numbers in x]
    z = (wide[2] + wide[6]) * _0_541
    sum_04 = ((x[0] + x[4]).to(U32) << _POINT) + (1 << (shift - 1))  # rounds off
    difference_04 = ((x[0] - x[4]).to(U32) << _POINT) + (1 << (shift - 1))
    sum_26, difference_26 = z + wide[2] * _0_765, z - wide[6] * _1_847
    even = (
        sum_04 + sum_26,
        difference_04 + difference_26,
        difference_04 - difference_26,
        sum_04 - sum_26,
    )
    z3, z4 = (x[7] + x[3]).to(U32), (x[5] + x[1]).to(U32)
    z = (z3 + z4) * _1_175
    z1, z2 = (wide[7] + wide[1]) * _0_899, (wide[5] + wide[3]) * _2_562
    z3, z4 = z - z3 * _1_961, z - z4 * _0_390
    odd = (
        wide[1] * _1_501 - z1 + z4,
        wide[3] * _3_072 - z2 + z3,
        wide[5] * _2_053 - z2 + z4,
        wide[7] * _0_298 - z1 + z3,
    )
    first = [(a + b) >> shift for a, b in zip(even, odd, strict=True)]
    last = [(a - b) >> shift for a, b in zip(even, odd, strict=True)]
    return first + last[::-1]


def _transposed(rows: Sequence[Integers]) -> list[Integers]:
    """Both blocks transposed, by three perfect shuffles that stay inside parts of 16 bytes."""
    low = [part + k + side for part in range(0, ROW, 8) for k in range(4) for side in (0, ROW)]
    high = [position + 4 for position in low]
    builder, values = rows[0].builder, [row.value for row in rows]
    for _ in range(3):
        pairs = zip(values[:4], values[4:], strict=True)
        values = [pick(builder, a, b, half) for a, b in pairs for half in (low, high)]
    return [Integers(builder, value) for value in values]


def _too_large(builder: Any, row: Integers) -> Any:
    """Whether a number is not within `_HALF` of 0, as an int64."""
    far = (row + _HALF).value
    beyond = builder.icmp_unsigned(">", far, constant(_NUMBERS, 2 * _HALF - 1))
    some = builder.icmp_unsigned("!=", builder.bitcast(beyond, U16), U16(0))
    return builder.zext(some, ir.IntType(64))


@intrinsic
def inverse_dct(typing: Any, source: Any, steps: Any, target: Any, stride: Any) -> Any:
    """Turn the coefficients of two blocks into their samples.

    Where a coefficient of a block's first row is so large that libjpeg-turbo's way of skipping
    zeros would give something else, the samples are not to be used. No encoder writes any.

    Args:
        source: address of the quantised coefficients, int16 [8, 2, 8]: rows of both blocks.
        steps: address of the quantisation steps, likewise, alike for both blocks.
        target: address of the first sample, uint8, 8 rows of 16.
        stride: bytes from one row to the next.

    Returns:
        0, or 1 where the samples are not to be used.
    """

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, steps, target, stride = args
        rows = []
        for r in range(8):
            numbers, step = (
                Integers(builder, read(builder, ahead(builder, place, ROW_BYTES * r), _NUMBERS))
                for place in (source, steps)
            )
            rows.append(numbers * step)
        columns = _transform(rows, _POINT - _KEPT)
        columns = _transposed([x.clipped(-0x8000, 0x7FFF).to(U16) for x in columns])
        levels = _transform(columns, _POINT + _KEPT + _GAIN)
        levels = _transposed([(x.clipped(-128, 127) + 128).to(U16) for x in levels])
        for r, row in enumerate(levels):
            write(builder, ahead(builder, target, r, stride), row.to(U8).value)
        return _too_large(builder, rows[0])

    return types.int64(_ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS), emit
