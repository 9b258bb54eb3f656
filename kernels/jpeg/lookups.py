"""Looking Huffman codes up together with the numbers that follow them (T.81 annex F.2.2).

`huffman` skips over codes; here they are read, of which the numbers are part. An entry of a lookup
holds, in bytes from the lowest: the bits of code and number together; those of the code; 63 less
those of the number; how many coefficients to go on. It is 0 where the code is longer than what is
looked up.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import inlined, kernel
from fasttricks.kernels.jpeg.bits import Bytes, i64
from fasttricks.kernels.jpeg.huffman import LOOK, read_table
from fasttricks.kernels.jpeg.segments import Header
from fasttricks.kernels.native import load_int32, load_word

Lookups: TypeAlias = Any
"""A record of type `LOOKUPS`."""
Window: TypeAlias = tuple[np.uint64, int, int]
"""As `huffman.Window`, with an address in place of the index."""

END, BAD = 128, 192
"""Coefficients to go on at the end of a block, and where there is no code: more than there are."""
MOST_BITS = 31
"""Of a code and its number."""

_SIZE = 1 << LOOK
_BYTES = 4 * _SIZE
_CODE, _NUMBER, _STEP = 8, 16, 24
_MOST_AC = 10  # bits of an AC coefficient in 8-bit pictures (T.81 table F.2)
_NO_CODE = 63 << _NUMBER | BAD << _STEP
_ONES = np.uint64(2**63 - 1)

u64: Any = np.uint64

# limit, delta, symbols: see `huffman.CODES`.
_TABLE = np.dtype(
    [("limit", np.int64, (17,)), ("delta", np.int64, (17,)), ("symbols", np.uint8, (256,))]
)
LOOKUPS = np.dtype([("tables", _TABLE, (8,)), ("entries", np.int32, (8, _SIZE))], align=True)
"""DC codes in slots 0 to 3, AC codes in 4 to 7; filled are those that a scan uses."""


@kernel
def read_lookups(data: Bytes, header: Header, lookups: Lookups) -> None:
    """Prepare the tables of a header that `read_header` has found good."""
    done = 0
    for c in range(header.components):
        for slot in (header.dc[c], header.ac[c]):
            if not done >> slot & 1:
                done |= 1 << slot
                read_table(data, header.huffman_at[slot], lookups.tables[slot])
                _fill(lookups.tables[slot], slot >= 4, lookups.entries[slot])


@kernel
def _fill(table: Any, is_ac: bool, entries: NDArray[np.int32]) -> None:
    at = i = 0
    for length in range(1, LOOK + 1):
        while at < table.limit[length] >> (16 - LOOK):
            entry = _entry(length, i64(table.symbols[i]), is_ac)
            behind = at + (_SIZE >> length)
            for bits in range(u64(at), u64(behind)):
                entries[bits] = entry
            at = behind
            i += 1
    for bits in range(u64(at), u64(_SIZE)):
        entries[bits] = 0


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
    """The address of a slot's entries."""
    return i64(lookups.entries.ctypes.data) + _BYTES * slot


@kernel
def _long(lookups: Lookups, lookup: int, word: np.uint64) -> int:
    """The entry of a code that is too long to be looked up, or of none."""
    slot = (lookup - lookup_of(lookups, 0)) // _BYTES
    table = lookups.tables[slot]
    code = i64(word >> u64(48))
    for length in range(LOOK + 1, 17):
        if code < table.limit[length]:
            symbol = i64(table.symbols[(code >> (16 - length)) + table.delta[length]])
            return _entry(length, symbol, slot >= 4)
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
def next_number(window: Window, lookup: int, lookups: Lookups) -> tuple[int, int, Window]:
    """What a window of at least `MOST_BITS` bits begins with.

    Returns:
        Coefficients to go on; the number; the window behind it.
    """
    word, left, behind = window
    entry = load_int32(lookup + 4 * i64(word >> u64(64 - LOOK)))
    if entry == 0:
        entry = _long(lookups, lookup, word)
    rest = word << u64(entry >> _CODE & 63)
    # A number of n bits that begins with 0 stands for one that is less by 2^n - 1 (F.2.2.1).
    shift = u64(entry >> _NUMBER & 63)
    number = i64(rest >> u64(1) >> shift) - (~(i64(rest) >> 63) & i64(_ONES >> shift))
    return entry >> _STEP & 255, number, (word << u64(entry & 63), left - (entry & 63), behind)
