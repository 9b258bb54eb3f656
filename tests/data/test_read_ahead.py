import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fasttricks.data.read_ahead import read_ahead


def test_read_ahead_keeps_order_and_depth():
    started = []

    def make(item):
        started.append(item)
        time.sleep(0.002 * (item % 3))
        return item * item

    with ThreadPoolExecutor(3) as pool:
        results = read_ahead(pool, make, range(50), 4)
        for item in range(20):
            assert next(results) == item * item
            assert len(started) <= item + 5
        results.close()
    assert len(started) <= 24


def test_read_ahead_raises_in_its_turn():
    with ThreadPoolExecutor(2) as pool:
        results = read_ahead(pool, lambda item: 6 // item, [3, 2, 0, 1], 3)
        assert [next(results), next(results)] == [2, 3]
        with pytest.raises(ZeroDivisionError):
            next(results)
