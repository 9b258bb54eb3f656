"""Looking Huffman codes up together with the numbers that follow them (T.81 annex F.2.2).

`huffman` skips over codes; here they are read, of which the numbers are part. An entry of a lookup
holds, in bytes from the lowest: the bits of code and number together; those of the code; 63 less
those of the number; how many coefficients to go on. It is 0 where the code is longer than what is
looked up.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from fasttricks.kernels.jit import inlined, kernel
from fasttricks.kernels.jpeg.bits import Bytes, i64
from fasttricks.kernels.jpeg.huffman import LOOK, read_table
from fasttricks.kernels.jpeg.segments import Header
from fasttricks.kernels.native import load_int32, load_int64, load_word

Lookups: TypeAlias = Any
"""LOOKUP [8]: DC codes in slots 0 to 3, AC codes in 4 to 7; filled are those that a scan uses."""
Window: TypeAlias = tuple[np.uint64, int, int]
"""As `huffman.Window`, with an address in place of the index."""

END, BAD = 128, 192
"""Coefficients to go on at the end of a block, and where there is no code: more than there are."""
MOST_BITS = 31
"""Of a code and its number."""

_SIZE = 1 << LOOK
_CODES = 256  # the most that a table has
_CODE, _NUMBER, _STEP = 8, 16, 24
_MOST_AC = 10  # bits of an AC coefficient in 8-bit pictures (T.81 table F.2)
_NO_CODE = 63 << _NUMBER | BAD << _STEP
_ONES = np.uint64(2**63 - 1)

u64: Any = np.uint64

LOOKUP = np.dtype(
    [
        ("entries", np.int32, (_SIZE,)),
        ("long", np.int32, (_CODES,)),
        ("limit", np.int64, (17,)),
        ("delta", np.int64, (17,)),
        ("symbols", np.uint8, (_CODES,)),
    ],
    align=True,
)
"""entries: by the next `LOOK` bits; long: by the index of a code; the rest: see `huffman.CODES`."""

assert LOOKUP.fields is not None
_LONG, _LIMIT, _DELTA = (LOOKUP.fields[name][1] for name in ("long", "limit", "delta"))
_BYTES = LOOKUP.itemsize


@kernel
def read_lookups(data: Bytes, header: Header, lookups: Lookups) -> None:
    """Prepare the tables of a header that `read_header` has found good."""
    done = 0
    for c in range(header.components):
        for slot in (header.dc[c], header.ac[c]):
            if not done >> slot & 1:
                done |= 1 << slot
                read_table(data, header.huffman_at[slot], lookups[slot])
                _fill(lookups[slot], slot >= 4)


@kernel
def _fill(lookup: Any, is_ac: bool) -> None:
    at = i = 0
    for length in range(1, 17):
        codes = (i64(lookup.limit[length]) - lookup.limit[length - 1]) >> (16 - length)
        for _ in range(codes):
            entry = _entry(length, i64(lookup.symbols[i]), is_ac)
            lookup.long[i] = entry
            if length <= LOOK:
                behind = at + (_SIZE >> length)
                for bits in range(u64(at), u64(behind)):
                    lookup.entries[bits] = entry
                at = behind
            i += 1
    for bits in range(u64(at), u64(_SIZE)):
        lookup.entries[bits] = 0


@kernel
def _entry(length: int, symbol: int, is_ac: bool) -> int:
    run, size, step = symbol >> 4, symbol & 15, 0
    if is_ac:
        if size > _MOST_AC or (size == 0 and 0 < run < 15):
            return _NO_CODE
        step = run + 1 if symbol else END
    return length + size | length << _CODE | (63 - size) << _NUMBER | step << _STEP


@kernel
def lookup_of(lookups: Lookups, slot: int) -> int:
    """The address of a slot's lookup."""
    return i64(lookups.ctypes.data) + _BYTES * slot


@inlined
def _long(lookup: int, word: np.uint64) -> int:
    """The entry of a code that is too long to be looked up, or of none."""
    code = i64(word >> u64(48))
    for length in range(LOOK + 1, 17):
        if code < load_int64(lookup + _LIMIT + 8 * length):
            index = (code >> (16 - length)) + load_int64(lookup + _DELTA + 8 * length)
            return load_int32(lookup + _LONG + 4 * index)
    return _NO_CODE


@inlined
def window_at(address: int, bit: int) -> Window:
    """A window that begins at a bit, 0 to 7, of the byte at an address."""
    word, left, behind = refilled((u64(0), i64(0), i64(address)))
    return word << u64(bit), left - bit, behind


@inlined
def refilled(window: Window) -> Window:
    """The same window with at least 56 bits, see `huffman.refill`."""
    word, left, behind = window
    word |= load_word(behind) >> u64(left)
    return word, left | 56, behind + ((63 - left) >> 3)


@inlined
def next_number(window: Window, lookup: int) -> tuple[int, int, Window]:
    """What a window of at least `MOST_BITS` bits begins with.

    Returns:
        Coefficients to go on; the number; the window behind it.
    """
    word, left, behind = window
    entry = load_int32(lookup + 4 * i64(word >> u64(64 - LOOK)))
    if entry == 0:
        entry = _long(lookup, word)
    rest = word << u64(entry >> _CODE & 63)
    # A number of n bits that begins with 0 stands for one that is less by 2^n - 1 (F.2.2.1).
    shift = u64(entry >> _NUMBER & 63)
    number = i64(rest >> u64(1) >> shift) - (~(i64(rest) >> 63) & i64(_ONES >> shift))
    return entry >> _STEP & 255, number, (word << u64(entry & 63), left - (entry & 63), behind)
