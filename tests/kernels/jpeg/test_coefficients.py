import random

import numba
import numpy as np
import pytest

from fasttricks.kernels.jpeg.coefficients import (
    PLACES,
    STOP,
    ZIGZAG,
    Run,
    add_up,
    lay_out,
    read_run,
    read_runs,
)
from fasttricks.kernels.jpeg.lookups import BAD, LOOKUP, read_lookups
from fasttricks.kernels.jpeg.segments import HEADER, read_header
from tests.kernels.jpeg.test_huffman import padded
from tests.kernels.jpeg.writer import LAYOUTS, standard, value_bits, write

DC, AC = standard(0), standard(1)


def test_the_zigzag_goes_along_diagonals():
    path = sorted(
        ((r, c) for r in range(8) for c in range(8)),
        key=lambda rc: (sum(rc), rc[0] if sum(rc) % 2 else rc[1]),
    )
    assert [8 * r + c for r, c in path] == list(ZIGZAG)
    assert len(PLACES) == 64 + 2 * BAD  # two codes that do not exist may follow each other
    assert set(PLACES[64:] // 2) == {8 * 16}


def prepared(layout, columns, skipped):
    """(HEADER [1], LOOKUP [1], stops, size of a row) of a layout."""
    data = np.frombuffer(write(8, 8, LAYOUTS[layout]).data, np.uint8)
    header, lookups = np.zeros(1, HEADER), np.zeros(8, LOOKUP)
    assert read_header(data, header[0]) == 0
    read_lookups(data, header[0], lookups)
    stops = np.zeros((skipped + columns) * int(header["blocks"][0]), STOP)
    return header, lookups, stops, lay_out(header[0], lookups, skipped, columns, stops)


@pytest.mark.parametrize("skipped", [0, 1, 4])
@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.parametrize("layout", ["grey", "4:4:4", "4:2:2", "4:2:0"])
def test_every_block_has_a_place_of_its_own(layout, columns, skipped):
    header, _, stops, size = prepared(layout, columns, skipped)
    taken = np.zeros(size, int)
    for stop in stops:
        taken[int(stop["target"]) // 2 + PLACES[:64] // 2] += 1
    assert taken.max() == 1
    assert taken.sum() == 64 * len(stops)
    blocks = int(header["blocks"][0])
    wanted = stops["target"][skipped * blocks :]
    unwanted = stops["target"][: skipped * blocks]
    assert wanted.max() < unwanted.min(initial=size * 2)
    # Line by line of each component, from left to right.
    by_mcu = wanted.reshape(columns, blocks)
    assert (np.diff(by_mcu, axis=0) > 0).all()


def random_blocks(rng, count):
    blocks = np.zeros((count, 64), int)
    for block in blocks:
        block[0] = rng.randrange(-500, 500)
        for k in rng.sample(range(1, 64), rng.choice([0, 1, 5, 30, 63])):
            block[k] = rng.randrange(1, 1024) * rng.choice([-1, 1])
    return blocks


def encoded(blocks):
    """As bits, DC coefficients as they are."""
    bits = ""
    for block in blocks.tolist():
        bits += DC.codes[abs(block[0]).bit_length()] + value_bits(block[0])
        k = 0
        for position in [k for k in range(1, 64) if block[k]]:
            run, size = position - k - 1, abs(block[position]).bit_length()
            bits += AC.codes[0xF0] * (run // 16) + AC.codes[run % 16 << 4 | size]
            bits += value_bits(block[position])
            k = position
        if k < 63:
            bits += AC.codes[0]
    return bits


@numba.njit
def _row(clean, bit, end, stops, skip, target):
    at = clean.ctypes.data
    return Run(
        at,
        bit,
        8 * at + end,
        stops.ctypes.data + 24 * skip,
        stops.ctypes.data + 24 * len(stops),
        target.ctypes.data,
    )


@numba.njit
def read_both(a, end_a, skip_a, b, end_b, skip_b, stops, places, out):
    first = _row(a, 3, end_a, stops, skip_a, out[0])
    second = _row(b, 5, end_b, stops, skip_b, out[1])
    return read_runs(first, second, places)


@numba.njit
def read_single(a, end, skip, stops, places, out):
    return read_run(_row(a, 3, end, stops, skip, out), places)


def gathered(stops, row):
    return row[(stops["target"][:, None] + PLACES[None, :64]) // 2]


@pytest.mark.parametrize("seed", range(8))
def test_two_rows_are_read_as_each_alone(seed):
    rng = random.Random(seed)
    columns, skipped = rng.randrange(1, 9), 2
    _, _lookups, stops, size = prepared("grey", columns, skipped)
    skips = [rng.randrange(3), rng.randrange(3)]
    blocks = [random_blocks(rng, columns + skipped - skip) for skip in skips]
    bits = ["0" * at + encoded(it) for at, it in zip((3, 5), blocks, strict=True)]
    (a, b), (end_a, end_b) = map(padded, bits), map(len, bits)
    both, alone = np.zeros((2, size), np.int16), np.zeros(size, np.int16)
    args = stops, PLACES
    assert read_both(a, end_a, skips[0], b, end_b, skips[1], *args, both)
    assert read_single(a, end_a, skips[0], *args, alone)
    for row, skip, expected in zip(
        (*both, alone), (*skips, skips[0]), (*blocks, blocks[0]), strict=True
    ):
        np.testing.assert_array_equal(gathered(stops[skip:], row), expected)
    # A bit less than there is, for either: damage.
    assert not read_both(a, end_a - 1, skips[0], b, end_b, skips[1], *args, both)
    assert not read_both(a, end_a, skips[0], b, end_b - 1, skips[1], *args, both)


def test_codes_that_do_not_exist_are_damage_and_nothing_else_is_touched():
    _, _lookups, stops, size = prepared("grey", 4, 0)
    good, bad = encoded(random_blocks(random.Random(0), 4)), "1" * 400
    for first, second in [(good, bad), (bad, good), (bad, bad)]:
        memory = np.full((2, 3 * size), 77, np.int16)
        out = memory[:, size : 2 * size]
        a, b = padded("000" + first), padded("00000" + second)
        ends = len(first) + 3, len(second) + 5
        assert not read_both(a, ends[0], 0, b, ends[1], 0, stops, PLACES, out)
        assert (memory[:, :size] == 77).all()
        assert (memory[:, 2 * size :] == 77).all()


@numba.njit
def _add(header, stops, dc, row):
    return add_up(header[0], stops, dc, row)


@pytest.mark.parametrize("layout", ["grey", "4:4:4", "4:2:0"])
def test_differences_are_added_up_by_component(layout):
    header, _, stops, size = prepared(layout, 7, 0)
    rng, blocks = np.random.default_rng(0), int(header["blocks"][0])
    row = np.zeros(size, np.int16)
    differences = rng.integers(-20, 20, len(stops))
    row[stops["target"] // 2] = differences
    before = np.array([3, -4, 5])
    assert _add(header, stops, before.copy(), row)
    owners = np.tile(header["owner"][0][:blocks], 7)
    for c in range(int(header["components"][0])):
        expected = before[c] + np.cumsum(differences[owners == c])
        np.testing.assert_array_equal(row[stops["target"][owners == c] // 2], expected)


def test_impossible_dc_coefficients_are_damage():
    header, _, stops, size = prepared("grey", 3, 0)
    for first, second, good in [(1000, 23, True), (1000, 24, False), (-1000, -25, False)]:
        row = np.zeros(size, np.int16)
        row[stops["target"][:2] // 2] = first, second
        assert _add(header, stops, np.zeros(3, np.int64), row) == good
