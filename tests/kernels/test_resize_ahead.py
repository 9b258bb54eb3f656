"""Which source rows are asked for, and when."""

import numpy as np
import pytest

from fasttricks.kernels.resize_ahead import AHEAD, PART, ask_for, new_rows, rows_ahead, step_of

ROWS = 32


def filters(outputs, scale, taps):
    """int32 [outputs, 1 + taps] whose first pixels are `scale` apart."""
    table = np.zeros((outputs, 1 + taps), np.int32)
    table[:, 0] = np.arange(outputs) * scale
    return table


@pytest.mark.parametrize(("scale", "taps"), [(0.4, 2), (1.0, 2), (1.3, 3), (2.7, 6), (40.0, 80)])
@pytest.mark.parametrize("outputs", [ROWS, 3 * ROWS])
def test_every_row_is_asked_for_once_before_it_is_summed(scale, taps, outputs):
    down = filters(outputs, scale, taps)
    asked = []
    for y in range(0, outputs, ROWS):
        later = rows_ahead(down, y, ROWS, True)
        for r in range(ROWS):
            new, count = new_rows(later, r)
            rows = list(range(new, new + count))
            assert not rows or rows[-1] < down[min(y + r + AHEAD, outputs - 1), 0] + taps
            asked += rows
    # All but those that the first outputs need, which there is no time to ask for.
    assert asked == list(range(down[AHEAD - 1, 0] + taps, down[-1, 0] + taps))


def test_nothing_is_asked_for_in_a_cache():
    later = rows_ahead(filters(64, 2.0, 4), 0, ROWS, False)
    assert {new_rows(later, r) for r in range(ROWS)} == {(0, 0)}
    assert step_of(later, 900) == 900
    assert step_of(later, 0) == 1  # else there would be no end
    assert step_of(rows_ahead(filters(64, 2.0, 4), 0, ROWS, True), 900) == PART


def test_addresses_beyond_all_memory_may_be_asked_for():
    ask_for(8, 3, 1 << 40)
