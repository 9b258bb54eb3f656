import numpy as np
import pytest

from fasttricks.kernels.jpeg.bits import PAD, unstuff
from fasttricks.kernels.jpeg.huffman import read_codes
from fasttricks.kernels.jpeg.rewrite import HEADER_BYTES, write_header
from fasttricks.kernels.jpeg.run import CUTTER, append_run
from fasttricks.kernels.jpeg.segments import read_header
from fasttricks.kernels.jpeg.walk import walk
from tests.kernels.jpeg.cuts import as_array, indexed, stored
from tests.kernels.jpeg.writer import LAYOUTS, write

ROOM = 600_000  # for thirty runs as long as the picture


def prepared(data):
    cutter = np.zeros(1, CUTTER)[0]
    reader = cutter["reader"]
    assert read_header(as_array(data), reader["header"]) == 0
    read_codes(as_array(data), reader["header"], reader["codes"])
    out = np.zeros(HEADER_BYTES, np.uint8)
    write_header(as_array(data), reader["header"], 8, 8, out, cutter["encoder"])
    return cutter


def append(data, index, cutter, first, last, bits, at):
    frame, points = index
    room = np.full(len(data) + PAD, 0xA5, np.uint8)
    return append_run(as_array(data), frame, stored(points), first, last, cutter, room, bits, at)


@pytest.mark.parametrize("layout", ["grey", "4:4:4", "4:2:0", "2x4"])
def test_runs_read_as_they_did_in_the_picture(layout):
    """Each after others, so that its first differences are from somewhere else."""
    for interval, tile_pixels in [(0, 1), (0, 768), (11, 768), (1, 768)]:
        made = write(80, 120, LAYOUTS[layout], seed=interval, interval=interval)
        index, cutter = indexed(made.data, tile_pixels), prepared(made.data)
        total, rng = len(made.positions) - 1, np.random.default_rng(0)
        bits, at = np.zeros(ROOM, np.uint8), 0
        checker = prepared(made.data)["reader"]
        for _ in range(30):
            first = int(rng.integers(0, total))
            end = min(total, first - first % interval + interval) if interval else total
            last = int(rng.integers(first, end)) + 1
            before = at
            at = append(made.data, index, cutter, first, last, bits, at)
            assert at > before
            assert walk(bits, before, at, last - first, checker) == at
            assert tuple(checker["dc"]) == tuple(cutter["predicted"]) == made.predictors[last]


def test_a_whole_picture_stays_as_it_is():
    made = write(80, 120, seed=1)
    bits, clean = np.zeros(ROOM, np.uint8), np.zeros(ROOM, np.uint8)
    size, _ = unstuff(as_array(made.data), made.begin, made.end, clean, 0)
    total = len(made.positions) - 1
    at = append(made.data, indexed(made.data), prepared(made.data), 0, total, bits, 0)
    assert 0 <= 8 * size - at < 8
    assert np.unpackbits(bits)[:at].tolist() == np.unpackbits(clean)[:at].tolist()


def test_no_room_or_no_code_is_a_failure():
    made = write(80, 120, seed=1)
    index, cutter = indexed(made.data), prepared(made.data)
    assert append(made.data, index, cutter, 3, 9, np.zeros(300, np.uint8), 0) == -1
    assert append(made.data, index, cutter, 3, 9, np.zeros(ROOM, np.uint8), 0) > 8 * 280
    cutter["predicted"] = 0
    cutter["encoder"]["length"] = 0
    assert append(made.data, index, cutter, 3, 9, np.zeros(ROOM, np.uint8), 0) == -1
