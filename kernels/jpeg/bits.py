"""Bits of entropy-coded data: reading, writing and copying them at any position.

In a JPEG each 0xFF byte of coded data is followed by a stuffed 0x00 (T.81 B.1.1.5). Codes are read
and written in *clean* buffers, which lack the stuffed bytes, so that any 64 bits can be loaded at
once. A clean buffer has `PAD` bytes behind its data: a reader may look a little too far and
check only afterwards where it ended.

A position is a number of bits; the first bit is the highest of its byte. Access goes through arrays
and not addresses, so that `NUMBA_BOUNDSCHECK=1` watches every byte; LLVM turns the eight loads or
stores of a word into one. Where a block is searched as a vector, its ends are watched.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.vector import U8, constant, llvm_type, read, write

Bytes: TypeAlias = NDArray[np.uint8]

i64: Any = np.int64
"""To a signed number: what numba calls int, and type checkers do not."""

PAD = 320
"""Room behind clean data: a block of 64 coefficients, 31 bits each, and a word."""

_B = np.uint64  # an unsigned index spares the check for Python's negative ones
_BLOCK = 64  # bytes that are searched at once: as many as a word has bits


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
def _trailing_zeros(typing: Any, word: Any) -> Any:
    """How many of the lowest bits of a uint64 are 0, as an int64."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), emit


@intrinsic
def _copy_vector(typing: Any, source: Any, target: Any) -> Any:
    """Copy `_BLOCK` bytes from one address to another; bit i tells whether byte i is 0xFF."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = read(builder, args[0], llvm_type(U8, _BLOCK))
        write(builder, args[1], block)
        found = builder.icmp_unsigned("==", block, constant(block.type, 0xFF))
        return builder.bitcast(found, ir.IntType(_BLOCK))

    return types.uint64(types.int64, types.int64), emit


@kernel
def _copy_block(source: Bytes, begin: int, out: Bytes, at: int) -> np.uint64:
    """Copy `_BLOCK` bytes; bit i tells whether byte i is 0xFF."""
    for i in (_B(0), _B(_BLOCK - 1)):  # for the sake of NUMBA_BOUNDSCHECK
        out[_B(at) + i] = source[_B(begin) + i]
    found: np.uint64 = _copy_vector(source.ctypes.data + begin, out.ctypes.data + at)
    return found


@kernel
def unstuff(data: Bytes, begin: int, end: int, clean: Bytes, size: int) -> tuple[int, int]:
    """Append data[begin:end] to clean[:size] without stuffed bytes, up to the first marker.

    What lies behind in `clean` may be overwritten.

    Returns:
        The new size, at most `size + end - begin`, for which there must be room, and where the
        copy ended: at `end`, or at the 0xFF of a marker. A 0xFF that is itself the last byte of the
        range counts as data.
    """
    while begin < end:
        if begin + _BLOCK <= data.size and size + _BLOCK <= clean.size:
            found = _copy_block(data, begin, clean, size)
            if found == _B(0) and begin + _BLOCK <= end:  # a branch: a CPU need not wait for it
                begin += _BLOCK
                size += _BLOCK
                continue
            skip = min(_trailing_zeros(found), end - begin)
            begin += skip
            size += skip
            if begin == end:
                break
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

    What lies behind in `out` may be overwritten.

    Returns:
        The index behind, or -1 if there is not enough room.
    """
    i = 0
    while i < size:
        if i + _BLOCK <= clean.size and at + _BLOCK <= out.size:
            found = _copy_block(clean, i, out, at)
            if found == _B(0) and i + _BLOCK <= size:
                i += _BLOCK
                at += _BLOCK
                continue
            skip = min(_trailing_zeros(found), size - i)
            i += skip
            at += skip
            if i == size:
                break
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
