import numpy as np
import pytest

from fasttricks.kernels.jpeg.bits import PAD, unstuff
from fasttricks.kernels.jpeg.huffman import read_codes
from fasttricks.kernels.jpeg.segments import read_header
from fasttricks.kernels.jpeg.walk import READER, walk
from tests.kernels.jpeg.writer import LAYOUTS, write


def start(made):
    """The reader at MCU 0 of a file without restart markers, its clean data, their end in bits."""
    data = np.frombuffer(made.data, np.uint8)
    reader = np.zeros(1, READER)[0]
    assert read_header(data, reader["header"]) == 0
    read_codes(data, reader["header"], reader["codes"])
    clean = np.full(len(data) + PAD, 0xA5, np.uint8)
    size, _ = unstuff(data, made.begin, made.end, clean, 0)
    return reader, clean, 8 * size


def clean_positions(made):
    """`made.positions` in data without stuffed bytes."""
    raw = made.data[made.begin :]
    found = []
    for bit in made.positions:
        before = raw[: (bit >> 3) - made.begin]
        found.append(8 * (len(before) - before.count(b"\xff\x00")) + (bit & 7))
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_positions_and_predictors(layout):
    made = write(50, 60, LAYOUTS[layout], seed=4)
    reader, clean, end = start(made)
    expected = clean_positions(made)
    at, m = 0, 0
    for step in [1, 1, 2, 3, len(expected) - 8]:
        at = walk(clean, at, end, step, reader)
        m += step
        assert at == expected[m]
        assert tuple(reader["dc"]) == made.predictors[m]
    assert 0 <= end - at < 8


def test_nothing_to_walk_over():
    reader, clean, end = start(write(50, 60))
    assert walk(clean, 5, end, 0, reader) == 5


def test_data_that_end_too_early():
    made = write(50, 60, seed=5)
    reader, clean, _ = start(made)
    last, total = clean_positions(made)[-1], len(made.positions) - 1
    for end in [0, 1, 7, last // 2, last - 1]:
        reader["dc"] = 0
        assert walk(clean, 0, end, total, reader) == -1
    reader["dc"] = 0
    assert walk(clean, 0, last, total, reader) == last


@pytest.mark.parametrize(("values", "good"), [([1023, -1024], 1), ([1024], 0), ([-1025], 0)])
def test_coefficients_that_no_picture_has(values, good):
    made = write(50, 60, dc_values=values)
    reader, clean, end = start(made)
    assert (walk(clean, 0, end, len(made.positions) - 1, reader) >= 0) == good
