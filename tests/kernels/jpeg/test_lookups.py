import random

import numba
import numpy as np
import pytest

from fasttricks.kernels.jpeg.bits import PAD
from fasttricks.kernels.jpeg.lookups import (
    BAD,
    END,
    LOOKUP,
    lookup_of,
    next_number,
    read_lookups,
    refilled,
    window_at,
)
from fasttricks.kernels.jpeg.segments import HEADER, read_header
from tests.data.jpeg_surgery import DHT, segment
from tests.kernels.jpeg.test_huffman import padded
from tests.kernels.jpeg.writer import (
    LAYOUTS,
    every_ac_symbol,
    flat,
    staircase,
    standard,
    value_bits,
    write,
)


@numba.njit
def _read(clean, bit, slot, lookups, steps, numbers):
    window = window_at(clean.ctypes.data, bit)
    for i in range(len(steps)):
        window = refilled(window)
        steps[i], numbers[i], window = next_number(window, lookup_of(lookups, slot))
    _, left, behind = window
    return 8 * (behind - clean.ctypes.data) - left


@numba.njit
def read(clean, bit, slot, lookups, steps, numbers):
    return _read(clean, bit, slot, lookups, steps, numbers)


def lookups_of(dc, ac):
    """Of tables in slots 0 and 4."""
    data = write(8, 8, LAYOUTS["grey"]).data
    scan = data.index(b"\xff\xda")
    data = data[:scan] + segment(DHT, dc.body(0, 0) + ac.body(1, 0)) + data[scan:]
    data = np.frombuffer(data, np.uint8)
    header, lookups = np.zeros(1, HEADER), np.zeros(8, LOOKUP)
    assert read_header(data, header[0]) == 0
    read_lookups(data, header[0], lookups)
    return lookups


def read_all(lookups, slot, bits, count, bit=0):
    """(coefficients to go on, number) of each code, and the position behind the last one."""
    steps, numbers = np.zeros(count, np.int64), np.zeros(count, np.int64)
    behind = read(padded("0" * bit + bits), bit, slot, lookups, steps, numbers)
    return list(zip(steps.tolist(), numbers.tolist(), strict=True)), behind - bit


AC_TABLES = {"standard": standard(1), "long": every_ac_symbol(), "stairs": staircase([0, 1, 0xF0])}


@pytest.mark.parametrize("name", AC_TABLES)
def test_ac_codes_with_their_numbers(name):
    table, rng = AC_TABLES[name], random.Random(0)
    lookups = lookups_of(standard(0), table)
    for bit in range(8):
        bits, expected = "", []
        for _ in range(300):
            symbol = rng.choice(table.symbols)
            run, size = symbol >> 4, symbol & 15
            value = rng.randrange(1 << size >> 1, 1 << size) * rng.choice([-1, 1]) if size else 0
            bits += table.codes[symbol] + value_bits(value)
            expected.append((run + 1 if symbol else END, value))
        assert read_all(lookups, 4, bits, 300, bit) == (expected, len(bits))


def test_dc_codes_with_their_numbers():
    table, rng = standard(0), random.Random(1)
    values = [rng.randrange(-2047, 2048) for _ in range(300)] + [0, 1, -1, 2047, -2047]
    bits = "".join(table.codes[abs(v).bit_length()] + value_bits(v) for v in values)
    found, behind = read_all(lookups_of(table, standard(1)), 0, bits, len(values))
    assert found == [(0, value) for value in values]
    assert behind == len(bits)


def test_codes_that_no_picture_has():
    """Not in the table; or in it, for what is no coefficient."""
    lookups = lookups_of(standard(0), flat([0, 0x11, 0x0B, 0x50], 4))
    codes = [f"{n:04b}" for n in range(16)]
    found = [read_all(lookups, 4, code + 28 * "0", 1)[0][0][0] for code in codes]
    assert found == [END, 2] + 14 * [BAD]


def test_padding_covers_what_a_block_may_take():
    assert PAD >= (64 * 31 + 7) // 8 + 8
