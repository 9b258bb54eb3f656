from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

import pytest

from fasttricks.bench.kernels.clock import CpuClock
from fasttricks.bench.models.measure import WARMUP_STEPS, Entry, measure, results, warm_up


class Clock(CpuClock):
    """A copy takes as long as it is told to."""

    cache_bytes = 1

    def __init__(self, copy_s: float) -> None:
        self.copy_s = copy_s

    def calls(self, job: Any) -> int:
        return 1

    def turn(self, jobs: Sequence[Any]) -> list[float]:
        return [self.copy_s for _ in jobs]


OURS = ("fasttricks", "resnet50b")


def entry(row: str, network: tuple[str, str], seconds: list[float], nbytes: int = 10**9) -> Entry:
    return Entry(row=row, network=network, step=lambda: None, nbytes=nbytes, seconds=seconds)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes between two looks at the clock."""
    monkeypatch.setattr(time, "perf_counter", itertools.count(step=1.0).__next__)


def counted(name: str, calls: list[str]) -> Entry:
    return Entry(
        row="training eager", network=(name, name), step=lambda: calls.append(name), nbytes=1
    )


def test_entries_take_turns_and_every_second_round_goes_backwards(ticking: None) -> None:
    calls: list[str] = []
    told: list[str] = []
    entries = [counted(name, calls) for name in "ab"]
    for one in entries:
        one.calls = 2
    copies, nbytes = measure(entries, Clock(0.5), rounds=3, seconds=1.0, tell=told.append)
    assert copies == [0.5] * 3
    assert nbytes >= 16 << 20
    # A step before the clock starts, and two timed ones.
    assert calls == [*"aaabbb", *"bbbaaa", *"aaabbb"]
    assert [e.seconds for e in entries] == [[0.5] * 3] * 2
    assert told[0] == "training eager, a a: round 1 of 3"
    assert len(told) == 2 * 3


def test_the_number_of_steps_follows_the_machine(ticking: None) -> None:
    one = counted("a", [])
    one.calls = 4
    measure([one], Clock(0.5), rounds=2, seconds=1.0, tell=lambda _: None)
    assert one.seconds == [0.25, 0.25]
    assert one.calls == 4
    measure([one], Clock(0.5), rounds=2, seconds=2.0, tell=lambda _: None)
    assert one.seconds[2:] == [0.25, 0.125]


def test_warming_up_takes_time_and_some_steps(ticking: None) -> None:
    calls: list[str] = []
    one = counted("a", calls)
    warm_up(one, Clock(0.5), seconds=3.0, warmup=0.0)
    assert len(calls) == 1 + WARMUP_STEPS
    assert (one.first_s, one.calls) == (1.0, 3 * WARMUP_STEPS)
    calls.clear()
    warm_up(one, Clock(0.5), seconds=3.0, warmup=10.0)
    assert len(calls) > 1 + 2 * WARMUP_STEPS


def test_a_row_has_rates_and_ratios_of_the_same_round() -> None:
    rows = results(
        [
            entry("training eager", OURS, [1.0, 10.0, 2.0]),
            entry("training eager", ("timm", "resnet50"), [2.0, 15.0, 2.0]),
            entry("training eager", ("fasttricks", "resnet50"), [0.5, 5.0, 1.0]),
            entry("training compiled", OURS, [0.5, 5.0, 0.5], nbytes=10**8),
        ],
        OURS,
        copies=[0.1, 1.0, 0.2],
        copy_bytes=10**9,
        batch_size=8,
    )
    ours, timm, other, compiled = rows
    assert (other["library"], other["library_model"]) == ("fasttricks", "resnet50")
    assert other["ours_to_it"]["ratio"] == 0.5
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


def test_where_ours_failed_there_is_no_ratio() -> None:
    (row,) = results(
        [entry("training eager", ("timm", "resnet50"), [2.0])],
        OURS,
        copies=[0.1],
        copy_bytes=10**9,
        batch_size=8,
    )
    assert row["ours_to_it"] is None
