"""Decoding Huffman codes of a JPEG (T.81 annex F.2.2), as fast as skipping allows.

A table is looked up with the next `LOOK` bits. An AC entry tells how many bits and coefficients to
go on: code and value bits together, because the value is not wanted, and as many symbols at once as
those bits hold.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes, i64, load_word
from fasttricks.kernels.jpeg.segments import Header

Codes: TypeAlias = Any
"""An array of 8 records of type `CODES`, filled in the slots that a scan uses."""

Window: TypeAlias = tuple[np.uint64, int, int]
"""A place in the data, as `(word, left, behind)`: the next bits, the first one highest; how many of
them are there for sure, -1 after damage; the index of the byte behind those. See `position`."""

LOOK = 10
_SIZE = 1 << LOOK

# An entry: lowest 5 bits, how many bits to go on; 0 in all if the code is longer or there is none.
# DC: then the category. AC: then 7 bits, how many coefficients to go on, and `_END`.
_BITS, _STEP, _END_BIT = 31, 5, 12
_END = 1 << _END_BIT

# limit[n]: the first 16 bits that no code of up to n bits begins with. delta[n]: what to add to a
# code of n bits to get its index in `symbols`.
CODES = np.dtype(
    [
        ("limit", np.int64, (17,)),
        ("delta", np.int64, (17,)),
        ("symbols", np.uint8, (256,)),
        ("look", np.int32, (_SIZE,)),
    ],
    align=True,
)


@kernel
def read_codes(data: Bytes, header: Header, codes: Codes) -> None:
    """Prepare the tables of a header that `read_header` has found good."""
    done = 0
    for c in range(header.components):
        for slot in (header.dc[c], header.ac[c]):
            if not done >> slot & 1:
                done |= 1 << slot
                read_table(data, header.huffman_at[slot], codes[slot])
                _fill(codes[slot], slot >= 4)


@kernel
def read_table(data: Bytes, at: int, table: Any) -> None:
    code = count = 0
    table.limit[0] = table.delta[0] = 0
    for length in range(1, 17):
        here = int(data[at + length])
        table.delta[length] = count - code
        code += here
        count += here
        table.limit[length] = code << (16 - length)
        code <<= 1
    for i in range(count):
        table.symbols[i] = data[at + 17 + i]


@kernel
def _fill(table: Any, is_ac: bool) -> None:
    single, lengths = np.empty(_SIZE, np.int32), np.empty(_SIZE, np.uint8)
    at = i = 0
    for length in range(1, LOOK + 1):
        while at < table.limit[length] >> (16 - LOOK):
            symbol = i64(table.symbols[i])
            entry = _ac_entry(length, symbol) if is_ac else length | symbol << _STEP
            behind = at + (_SIZE >> length)
            for bits in range(np.uint64(at), np.uint64(behind)):
                single[bits] = entry
                lengths[bits] = length
            at = behind
            i += 1
    for bits in range(at, _SIZE):
        single[bits] = lengths[bits] = 0
    if is_ac:
        _chain(single, lengths, table.look)
    else:
        for bits in range(_SIZE):
            table.look[bits] = single[bits]


@kernel
def _ac_entry(length: int, symbol: int) -> int:
    run, size = symbol >> 4, symbol & 15
    if size or run == 15:
        return length + size | (run + 1) << _STEP
    return length | 1 << _STEP | _END if run == 0 else 0


@kernel
def _chain(single: NDArray[np.int32], lengths: Bytes, look: NDArray[np.int32]) -> None:
    """Entries of as many symbols as have their codes in the same `LOOK` bits."""
    for bits in range(_SIZE):
        entry = i64(single[bits])
        count = entry & _BITS
        while 0 < count < LOOK and entry < _END:
            rest = bits << count & _SIZE - 1
            following = i64(single[rest])
            step = (entry >> _STEP & 127) + (following >> _STEP & 127)
            if following == 0 or count + lengths[rest] > LOOK or step > 64:
                break
            count += following & _BITS
            entry = count | step << _STEP | following & _END
        look[bits] = entry


@kernel
def _slow(table: Any, word: np.uint64) -> tuple[int, int]:
    """Length and symbol of the code that `word` begins with; length 0 if there is none."""
    code = i64(word >> np.uint64(48))
    for length in range(1, 17):
        if code < table.limit[length]:
            index = (code >> (16 - length)) + table.delta[length]
            return length, i64(table.symbols[index])
    return 0, 0


@kernel
def start_at(clean: Bytes, at: int) -> Window:
    """A window that begins at bit `at`."""
    word, left, behind = refill(clean, np.uint64(0), 0, at >> 3)
    return word << np.uint64(at & 7), left - (at & 7), behind


@kernel
def position(window: Window) -> int:
    """The position in bits at which a window begins; -1 after damage."""
    return 8 * window[2] - window[1] if window[1] >= 0 else -1


@kernel
def refill(clean: Bytes, word: np.uint64, left: int, behind: int) -> Window:
    """The same window with at least 56 bits.

    Bits that are there already are put in once more, which changes nothing. This form, a variant of
    Fabian Giesen's ("Reading bits in far too many ways", 2018), lets a CPU load the next word while
    it is still busy with this one.
    """
    word |= load_word(clean, behind) >> np.uint64(left)
    return word, left | 56, behind + ((63 - left) >> 3)


@kernel
def read_dc(
    clean: Bytes, word: np.uint64, left: int, behind: int, table: Any
) -> tuple[int, Window]:
    """The DC difference with which a window begins, and the window behind it."""
    word, left, behind = refill(clean, word, left, behind)
    entry = i64(table.look[word >> np.uint64(64 - LOOK)])
    length, size = entry & _BITS, entry >> _STEP
    if entry == 0:
        length, size = _slow(table, word)
        if length == 0:
            return 0, (word, -1, behind)
    word <<= np.uint64(length)
    value = i64(word >> np.uint64(1) >> np.uint64(63 - size))
    if value < 1 << size >> 1:
        value += 1 - (1 << size)
    return value, (word << np.uint64(size), left - length - size, behind)


@kernel
def skip_ac(clean: Bytes, word: np.uint64, left: int, behind: int, table: Any) -> Window:
    """The window behind the AC codes of a block with which another window begins."""
    look = table.look
    k = 1
    while True:
        word, left, behind = refill(clean, word, left, behind)
        entry = i64(look[word >> np.uint64(64 - LOOK)])
        step = entry >> _STEP & 127
        if entry == 0 or k + step > 64:  # a long code, or the symbols belong to two blocks
            length, symbol = _slow(table, word)
            entry = _ac_entry(length, symbol) if length else 0
            step = entry >> _STEP & 127
            if entry == 0 or k + step > 64:
                return word, -1, behind
        word <<= np.uint64(entry & _BITS)
        left -= entry & _BITS
        k += step
        if k == 64 or entry >= _END:
            return word, left, behind
        # An entry has at most LOOK + 15 bits, or 31 if its code is long, so at least 25 of the 56
        # are left: enough to look again.
        entry = i64(look[word >> np.uint64(64 - LOOK)])
        step = entry >> _STEP & 127
        if entry == 0 or k + step > 64:
            continue
        word <<= np.uint64(entry & _BITS)
        left -= entry & _BITS
        k += step
        if k == 64 or entry >= _END:
            return word, left, behind
