import numpy as np
import pytest

from fasttricks.kernels.jpeg.points import (
    FRAME,
    SEEK,
    known_after,
    known_before,
    mcu_count,
    point_count,
    point_index,
    restore,
)
from fasttricks.kernels.jpeg.segments import RST0
from tests.kernels.jpeg.cuts import indexed, numbers
from tests.kernels.jpeg.writer import LAYOUTS, write


@pytest.mark.parametrize("interval", [0, 1, 2, 5, 7, 12, 40])
def test_which_mcus_have_points(interval):
    frame = np.zeros(1, FRAME)[0]
    for width, rows, tile in [(7, 4, 3), (12, 3, 4), (1, 9, 1), (5, 2, 5)]:
        frame["mcus_per_row"], frame["mcu_rows"] = width, rows
        frame["tile"], frame["interval"] = tile, interval
        where = numbers(frame)
        assert point_count(frame) == len(where)
        total = mcu_count(frame)
        for m in range(total + 1):
            assert known_before(frame, m) == max(k for k in where if k <= m)
            assert known_after(frame, m) == min(k for k in where if k >= m)
        for m in where:
            assert where[point_index(frame, m)] == m


def test_the_layout_is_what_is_documented():
    assert (FRAME.itemsize, SEEK.itemsize) == (32, 8)
    offsets = [FRAME.fields[name][1] for name in FRAME.names]
    assert offsets == [0, 2, 4, 6, 8, 10, 12, 13, 14, 15, 16, 20, 24, 28]
    made = write(20, 20, LAYOUTS["4:4:4"], seed=2)
    _, points = indexed(made.data, 1)
    state = int.from_bytes(points[3].tobytes(), "little")
    assert state % 2**28 == made.positions[3]
    assert [(state >> (28 + 12 * c)) % 2**12 - 2048 for c in range(3)] == [*made.predictors[3]]


@pytest.mark.parametrize("fill", [1, 2, 5])
def test_a_restart_marker_is_found_behind_fill_bytes_and_not_behind_the_end(fill):
    """As plain Python, which does not read beyond the end of an array unseen."""
    find = getattr(restore, "py_func", restore)
    frame, points = np.zeros(1, FRAME).view(np.recarray)[0], np.zeros(3, SEEK)
    frame.mcus_per_row, frame.mcu_rows, frame.tile, frame.interval = 2, 1, 2, 1
    points["state"] = 8 * 3  # three bytes of data, whole ones
    data = np.array([1, 2, 3, *[0xFF] * fill, RST0], np.uint8)
    frame.end, dc = len(data), np.full(3, 7)
    assert find(data, frame, points, 1, dc) == restore(data, frame, points, 1, dc) == 8 * len(data)
    assert dc.tolist() == [0, 0, 0]
    frame.end = len(data) - 1
    assert find(data[:-1], frame, points, 1, dc) == -1
    assert restore(data, frame, points, 1, dc) == -1
