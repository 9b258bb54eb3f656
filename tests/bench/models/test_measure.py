from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import pytest

from fasttricks.bench.kernels.clock import CpuClock
from fasttricks.bench.models.measure import WARMUP_STEPS, Entry, measure, results


class Clock(CpuClock):
    """A copy takes as long as it is told to."""

    cache_bytes = 1

    def __init__(self, copy_s: float) -> None:
        self.copy_s = copy_s

    def calls(self, job: Any) -> int:
        return 1

    def turn(self, jobs: Sequence[Any]) -> list[float]:
        return [self.copy_s for _ in jobs]


def entry(row: str, library: str, seconds: list[float], nbytes: int = 10**9) -> Entry:
    return Entry(row=row, library=library, step=lambda: None, nbytes=nbytes, seconds=seconds)


def test_entries_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", itertools.count(step=1.0).__next__)
    calls: list[str] = []
    entries = [
        Entry(
            row="training eager", library=name, step=lambda name=name: calls.append(name), nbytes=1
        )
        for name in "ab"
    ]
    told: list[str] = []
    copies, nbytes = measure(entries, Clock(0.5), rounds=3, seconds=1.0, tell=told.append)
    assert copies == [0.5] * 3
    assert nbytes >= 16 << 20
    # A second passes between two looks at the clock, so two warm-up steps take half a one each.
    assert [e.calls for e in entries] == [2, 2]
    warm = 1 + WARMUP_STEPS
    assert calls == [*"a" * warm, *"b" * warm, *"aabb" * 3]
    assert [e.seconds for e in entries] == [[0.5] * 3] * 2
    assert [e.first_s for e in entries] == [1.0, 1.0]
    assert len(told) == 2 + 2 * 3


def test_a_row_has_rates_and_ratios_of_the_same_round() -> None:
    rows = results(
        [
            entry("training eager", "fasttricks", [1.0, 10.0, 2.0]),
            entry("training eager", "timm", [2.0, 15.0, 2.0]),
            entry("training compiled", "fasttricks", [0.5, 5.0, 0.5], nbytes=10**8),
        ],
        copies=[0.1, 1.0, 0.2],
        copy_bytes=10**9,
        batch_size=8,
    )
    ours, timm, compiled = rows
    assert (ours["images_per_s"], ours["p80"]) == (4.0, pytest.approx(6.4))
    assert ours["ours_to_it"] is None
    assert ours["to_eager"] is None
    assert timm["ours_to_it"] == {"ratio": 1.5, "p20": 1.2, "p80": 1.8}
    assert compiled["to_eager"]["ratio"] == 2.0
    assert compiled["ours_to_it"] is None
    # 10^9 bytes in as long as ten copies of 10^9 bytes take: a tenth, whatever the machine did.
    assert ours["copy_share"] == pytest.approx(0.1)
    assert (ours["gb_per_s"], ours["copy_gb_per_s"], ours["mb_per_image"]) == (0.5, 5.0, 125.0)
    assert ours["rates"] == [8.0, 0.8, 4.0]
