from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from fasttricks.bench.kernels.clock import CpuClock
from fasttricks.bench.models.measure import NetworkEntry, measure, results


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


def entry(
    row: str, network: tuple[str, str], seconds: list[float], nbytes: int = 10**9
) -> NetworkEntry:
    return NetworkEntry(
        label=row,
        once=lambda: None,
        settle=lambda: None,
        row=row,
        network=network,
        nbytes=nbytes,
        seconds=seconds,
    )


def test_a_copy_takes_part_in_every_round() -> None:
    entries = [entry("training eager", (name, name), []) for name in "ab"]
    copies, nbytes = measure(entries, Clock(0.5), rounds=3, seconds=1e-6, tell=lambda _: None)
    assert copies == [0.5] * 3
    assert nbytes >= 16 << 20
    assert [len(one.seconds) for one in entries] == [3, 3]


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
