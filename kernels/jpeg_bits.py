"""Bits of entropy-coded data: reading, writing and copying them at any position.

In a JPEG each 0xFF byte of coded data is followed by a stuffed 0x00 (T.81 B.1.1.5). Codes are read
and written in *clean* buffers, which lack the stuffed bytes, so that any 64 bits can be loaded at
once. A clean buffer has `PAD` bytes behind its data: whoever reads may look a little too far and
checks only afterwards where it ended.

A position is a number of bits; the first bit is the highest of its byte. All access goes through
arrays and not addresses, so that `NUMBA_BOUNDSCHECK=1` watches every byte; LLVM turns the eight
loads or stores of a word into one, and loops over a block into vector instructions.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel

Bytes: TypeAlias = NDArray[np.uint8]

i64: Any = np.int64
"""To a signed number: what numba calls int, and type checkers do not."""

PAD = 320
"""Room behind clean data: a block of 64 coefficients, 31 bits each, and a word."""

_B = np.uint64  # an unsigned index spares the check for Python's negative ones
_LOW, _ONES = np.uint64(0x7F7F7F7F7F7F7F7F), np.uint64(0x0101010101010101)
_BLOCK = 128  # LLVM unrolls shorter loops instead of turning them into vector instructions


@kernel
def load_word(data: Bytes, at: int) -> np.uint64:
    """The eight bytes from index `at` on, the first one highest."""
    i = _B(at)
    return (
        _B(data[i]) << _B(56)
        | _B(data[i + _B(1)]) << _B(48)
        | _B(data[i + _B(2)]) << _B(40)
        | _B(data[i + _B(3)]) << _B(32)
        | _B(data[i + _B(4)]) << _B(24)
        | _B(data[i + _B(5)]) << _B(16)
        | _B(data[i + _B(6)]) << _B(8)
        | _B(data[i + _B(7)])
    )


@kernel
def store_word(out: Bytes, at: int, word: np.uint64) -> None:
    """The inverse of `load_word`."""
    i = _B(at)
    out[i] = word >> _B(56)
    out[i + _B(1)] = word >> _B(48)
    out[i + _B(2)] = word >> _B(40)
    out[i + _B(3)] = word >> _B(32)
    out[i + _B(4)] = word >> _B(24)
    out[i + _B(5)] = word >> _B(16)
    out[i + _B(6)] = word >> _B(8)
    out[i + _B(7)] = word


@kernel
def peek(clean: Bytes, position: int) -> np.uint64:
    """At least the next 57 bits, the first one highest."""
    return load_word(clean, position >> 3) << _B(position & 7)


@kernel
def put(clean: Bytes, position: int, value: int, count: int) -> int:
    """Write the lowest `count` (1 to 32) bits of `value`; give the position behind them.

    What lies behind becomes zeros, up to the eighth byte. The byte in which `position` lies must
    have zeros from there on.
    """
    at, inside = position >> 3, position & 7
    word = _B(value) & (_B(1) << _B(count)) - _B(1)
    store_word(clean, at, _B(clean[_B(at)]) << _B(56) | word << _B(64 - inside - count))
    return position + count


@kernel
def copy_bits(source: Bytes, begin: int, end: int, clean: Bytes, position: int) -> int:
    """Write the bits [begin, end) of `source` at `position`; give the position behind them.

    Reads up to 8 bytes behind those bits and overwrites up to 8. What `put` says holds here too.
    """
    head = min(-position & 7, end - begin)
    if head > 0:
        position = put(clean, position, peek(source, begin) >> _B(64 - head), head)
        begin += head
    if begin >= end:
        return position
    shift, rest = _B(begin & 7), _B(8 - (begin & 7))
    first, at = begin >> 3, position >> 3
    for i in range(0, (end - begin + 63) >> 6 << 3, 8):
        last = _B(source[_B(first + i + 8)]) >> rest
        store_word(clean, at + i, load_word(source, first + i) << shift | last)
    position += end - begin
    clean[_B(position >> 3)] &= 0xFF00 >> (position & 7)
    return position


@intrinsic
def _leading_zeros(typing: Any, word: Any) -> Any:
    """How many of the highest bits of a uint64 are 0, as an int64."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), emit


@kernel
def _copy_block(source: Bytes, begin: int, out: Bytes, at: int) -> bool:
    """Copy `_BLOCK` bytes; tell whether there is no 0xFF among them."""
    highest = np.uint8(0)
    for i in range(_B(_BLOCK)):
        value = source[_B(begin) + i]
        out[_B(at) + i] = value
        highest = max(highest, value)
    return highest != 0xFF


@kernel
def _first_ff(data: Bytes, begin: int) -> int:
    """How many bytes stand before the first 0xFF of the block at index `begin`, which has one."""
    at = begin
    while True:
        word = load_word(data, at)
        found = ((word & _LOW) + _ONES) & word & ~_LOW
        if found != _B(0):
            return at + (_leading_zeros(found) >> 3) - begin
        at += 8


@kernel
def unstuff(data: Bytes, begin: int, end: int, clean: Bytes, size: int) -> tuple[int, int]:
    """Append data[begin:end] to clean[:size] without stuffed bytes, up to the first marker.

    Returns:
        The new size, at most `size + end - begin`, for which there must be room, and where the
        copy ended: at `end`, or at the 0xFF of a marker. A 0xFF that is itself the last byte of the
        range counts as data.
    """
    while begin < end:
        if begin + _BLOCK <= end:
            clear = _copy_block(data, begin, clean, size)
            skip = _BLOCK if clear else _first_ff(data, begin)
            begin += skip
            size += skip
            if clear:
                continue
        value = data[_B(begin)]
        clean[_B(size)] = value
        if value == 0xFF and begin + 1 < end:
            if data[_B(begin + 1)] != 0:
                return size, begin
            begin += 1
        begin += 1
        size += 1
    return size, begin


@kernel
def stuff(clean: Bytes, size: int, out: Bytes, at: int) -> int:
    """Write clean[:size] to `out` from index `at` on, with stuffed bytes.

    Returns:
        The index behind, or -1 if there is not enough room.
    """
    i = 0
    while i < size:
        if i + _BLOCK <= size and at + _BLOCK < out.size:
            clear = _copy_block(clean, i, out, at)
            skip = _BLOCK if clear else _first_ff(clean, i)
            i += skip
            at += skip
            if clear:
                continue
        value = clean[_B(i)]
        needed = 2 if value == 0xFF else 1
        if at + needed > out.size:
            return -1
        out[_B(at)] = value
        if value == 0xFF:
            out[_B(at + 1)] = 0
        i += 1
        at += needed
    return at


@kernel
def count_ff(clean: Bytes, begin: int, end: int) -> int:
    """How many of clean[begin:end] are 0xFF: as many bytes were stuffed."""
    count = 0
    for i in range(_B(begin), _B(end)):
        count += clean[i] == 0xFF
    return count
