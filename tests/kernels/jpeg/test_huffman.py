import random

import numba
import numpy as np
import pytest

from fasttricks.kernels.jpeg.bits import PAD
from fasttricks.kernels.jpeg.huffman import CODES, position, read_codes, read_dc, skip_ac, start_at
from fasttricks.kernels.jpeg.segments import HEADER, read_header
from tests.kernels.jpeg.writer import (
    LAYOUTS,
    block_bits,
    every_ac_symbol,
    flat,
    staircase,
    standard,
    to_bytes,
    value_bits,
    write,
)

DC, AC = 0, 4


def tables(dc, ac):
    """The prepared tables in slots 0 and 4."""
    data = np.frombuffer(write(8, 8, LAYOUTS["grey"], dc=dc, ac=ac, dc_values=[0]).data, np.uint8)
    header, codes = np.zeros(1, HEADER), np.empty(8, CODES)
    assert read_header(data, header[0]) == 0
    read_codes(data, header[0], codes)
    return codes


def padded(bits, seed=0):
    """As bytes, with anything behind them."""
    data = np.frombuffer(to_bytes(bits), np.uint8)
    behind = np.random.default_rng(seed).integers(0, 256, PAD).astype(np.uint8)
    return np.concatenate([data, behind])


@numba.njit
def read_blocks(clean, at, codes, differences, ends):
    window = start_at(clean, at)
    for i in range(len(ends)):
        differences[i], window = read_dc(clean, *window, codes[DC])
        if position(window) >= 0:
            window = skip_ac(clean, *window, codes[AC])
        ends[i] = position(window)


def read_all(codes, bits, count, at=0):
    """DC differences of `count` blocks, and where each block ends."""
    differences, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    read_blocks(padded(bits), at, codes, differences, ends)
    return differences.tolist(), ends.tolist()


ALL_DC = [*range(12), 15]
TABLES = {
    "standard": (standard(0), standard(1)),
    "long codes": (flat(ALL_DC, 16), every_ac_symbol()),
    "as short and long as can be": (staircase(ALL_DC), standard(1)),
}


@pytest.mark.parametrize("name", TABLES)
def test_blocks_against_a_slow_encoder(name):
    dc, ac = TABLES[name]
    codes = tables(dc, ac)
    rng = random.Random(0)
    bits, differences, ends = "", [], []
    for _ in range(400):
        size = rng.randrange(12)
        difference = rng.randrange(-(1 << size) + 1, 1 << size)
        bits += block_bits(rng, difference, dc, ac)
        differences.append(difference)
        ends.append(len(bits))
    assert read_all(codes, bits, 400) == (differences, ends)


@pytest.mark.parametrize("symbols", [1, 2, 3, 4, 63])
def test_blocks_may_end_without_an_end_of_block(symbols):
    """63 coefficients in runs, the last of which reaches the block's end exactly."""
    ac = standard(1)
    codes = tables(standard(0), ac)
    parts = [63 // symbols] * symbols
    parts[-1] += 63 - sum(parts)
    bits = "00"
    for part in parts:
        bits += ac.codes[0xF0] * ((part - 1) // 16) + ac.codes[(part - 1) % 16 << 4 | 1] + "1"
    assert read_all(codes, bits * 3, 3)[1] == [len(bits) * n for n in (1, 2, 3)]


def test_sixteen_zeros_may_end_a_block():
    """As libjpeg reads it: 47 coefficients and a run of 16 zeros make 63."""
    ac = standard(1)
    bits = "00" + (ac.codes[0x01] + "1") * 47 + ac.codes[0xF0]
    assert read_all(tables(standard(0), ac), bits * 2, 2)[1] == [len(bits), 2 * len(bits)]


def test_begins_at_any_bit():
    dc, ac = standard(0), standard(1)
    codes = tables(dc, ac)
    block = block_bits(random.Random(1), -37, dc, ac)
    for at in range(20):
        bits = ("10110" * 4)[:at] + block
        assert read_all(codes, bits, 1, at) == ([-37], [len(bits)])


def damaged(bits, dc=None, ac=None):
    return read_all(tables(dc or standard(0), ac or standard(1)), bits, 1)[1] == [-1]


def test_damage_is_found():
    ac = standard(1)
    assert not damaged("00" + ac.codes[0])
    assert damaged("00" + "1" * 16)  # no such code
    assert damaged("1" * 16)
    assert damaged("00" + (ac.codes[0x01] + "1") * 60 + ac.codes[0x31] + "1")  # the 65th
    assert damaged("00" + ac.codes[0xF0] * 4)
    assert damaged("00" + (ac.codes[0x01] + "1") * 48 + ac.codes[0xF0])
    # A run without a value is no symbol of baseline files.
    for length in (8, 12):
        ac = flat([0x10, *every_ac_symbol().symbols], length)
        assert damaged("00" + ac.codes[0x10] + ac.codes[0], ac=ac)
        assert not damaged("00" + ac.codes[0x11] + "1" + ac.codes[0], ac=ac)


def test_the_largest_values():
    dc, ac = TABLES["long codes"]
    codes = tables(dc, ac)
    for difference in (-32767, -16384, 16384, 32767):
        bits = dc.codes[15] + value_bits(difference) + ac.codes[0]
        assert read_all(codes, bits, 1) == ([difference], [len(bits)])
