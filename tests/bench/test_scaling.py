from __future__ import annotations

from typing import Any

import pytest

from fasttricks.bench.scaling import Point, curves


def row(threads: int, *rates: float, name: str = "dali") -> dict[str, Any]:
    middle = sorted(rates)[len(rates) // 2]
    spread = {"p20": min(rates), "p80": max(rates), "rates": list(rates)}
    return {"row": name, "threads": threads, "images_per_s": middle, **spread}


def test_efficiency_is_per_thread_and_within_rounds() -> None:
    # The second round met a slow machine, in both rows.
    found = curves([row(2, 200.0, 100.0, 220.0), row(8, 600.0, 300.0, 660.0)])
    first, second = found["dali"]
    assert first == Point(2, 200.0, 100.0, 220.0, 1.0)
    assert second.efficiency == pytest.approx(3 * 2 / 8)
    assert second[:4] == (8, 600.0, 300.0, 660.0)


def test_only_rows_with_several_counts_are_curves() -> None:
    rows = [row(1, 1.0), row(1, 1.0, name="b"), row(2, 2.0), row(4, 3.0), row(4, 9.0, name="c")]
    found = curves(rows)
    assert list(found) == ["dali"]
    assert [point.threads for point in found["dali"]] == [1, 2, 4]
    assert curves(rows[:2]) == {}
