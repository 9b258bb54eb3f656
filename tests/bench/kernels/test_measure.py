from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fasttricks.bench.kernels.case import Case, Way
from fasttricks.bench.kernels.clock import CpuClock
from fasttricks.bench.kernels.measure import (
    FEWEST_COPIES,
    FEWEST_TURNS,
    OURS,
    Runner,
    Times,
    copies_for,
    copy_runner,
    measure,
    results,
)


class PretendClock(CpuClock):
    """Says what it is told to; runs every job all the same."""

    cache_bytes = 1000

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds
        self.turns: list[list[int]] = []
        self.names: list[Any] = []

    def calls(self, job: Any) -> int:
        job(1)
        return 2

    def turn(self, jobs: Sequence[Any]) -> list[float]:
        for job, calls in jobs:
            job(calls)
        if len(jobs) == len(self.seconds):  # the first turn has all, in order
            self.names = [job for job, _ in jobs]
        self.turns.append([calls for _, calls in jobs])
        slow = 3.0 if len(self.turns) == 2 else 1.0  # a slow spell, which meets all
        return [slow * self.seconds[self.names.index(job)] for job, _ in jobs]


def case(*ways: Way, nbytes: int = 400) -> Case:
    return Case(
        name="nothing",
        nbytes=nbytes,
        make=lambda seed: np.full(3, seed),
        reference=lambda inputs: inputs.astype(np.float64),
        rtol=0,
        atol=0,
        ways=ways,
    )


def test_each_call_takes_the_next_copy() -> None:
    seen: list[int] = []
    way = Way(name="a", call=seen.append, prepare=lambda array: int(array[0]))
    runner = Runner(way, copies_for(way, case(way).make, 3))
    runner(2)
    runner(5)
    assert seen == [0, 1, 2, 0, 1, 2, 0]


def test_what_calls_changed_is_undone_between_turns_and_not_timed() -> None:
    changed: list[int] = []
    restored_while_timed: list[int] = []

    def call(array: Any) -> None:
        array += 1
        changed.append(int(array[0]))

    def restore(array: Any) -> None:
        if clock.timing:
            restored_while_timed.append(1)
        array -= 1

    class Watched(PretendClock):
        timing = False

        def turn(self, jobs: Sequence[Any]) -> list[float]:
            self.timing = True
            seconds = super().turn(jobs)
            self.timing = False
            return seconds

    clock = Watched(1, 1)
    way = Way(name="a", call=call, restore=restore)
    one = replace(case(way), make=lambda seed: np.zeros(1, int))
    measure(one, clock, 0.0, Times.of(one))
    assert len(changed) == 1 + 2 * OURS * FEWEST_TURNS
    assert set(changed) == {1}  # of three copies, two a turn
    assert restored_while_timed == []


def test_copies_exceed_the_cache_and_no_call_finds_its_own_there() -> None:
    given: list[int] = []
    kept: dict[str, set[int]] = {"own": set(), "as given": set()}

    def call(array: Any) -> None:
        given.append(id(array))
        kept["as given"].add(id(array))

    def own(array: Any) -> None:
        kept["own"].add(id(array))

    ways = (
        Way(name="a", call=call),
        Way(name="b", call=call),
        Way(name="c", call=own, prepare=lambda array: array.copy()),
    )
    one = case(*ways, nbytes=101)
    measure(one, PretendClock(1, 1, 1, 1), 0.0, Times.of(one))
    assert len(kept["own"]) == len(kept["as given"]) == 10  # of 101 bytes: more than 1000
    assert not kept["own"] & kept["as given"]
    # Whoever calls takes those that nobody has had for longest.
    assert given == (given[:10] * len(given))[: len(given)]
    small = case(Way(name="a", call=call), nbytes=10**6)
    kept["as given"].clear()
    measure(small, PretendClock(1, 1), 0.0, Times.of(small))
    assert len(kept["as given"]) == FEWEST_COPIES


def test_ways_and_the_copy_take_turns_for_as_long_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = Way(name="a", call=id), Way(name="b", call=id)
    clock, times = PretendClock(1, 1, 1), Times.of(case(*ways))
    measure(case(*ways), clock, 0.0, times)
    measure(case(*ways), clock, 0.0, times, fewest=2)
    turns = OURS * (FEWEST_TURNS + 2)
    assert clock.turns[0] == [2, 2, 2]
    assert [len(seen) for seen in (*times.ways, times.copy)] == [turns] * 3
    monkeypatch.setattr(time, "perf_counter", itertools.count(step=0.1).__next__)
    measure(case(*ways), clock, 2.05, times)  # the clock is first asked after the fewest turns
    assert len(times.copy) == turns + OURS * FEWEST_TURNS + 20


def test_slow_ways_take_no_more_than_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    ways = tuple(Way(name=name, call=id) for name in ("ours", "slow", "like ours"))
    clock, times = PretendClock(1, 7, 1, 1), Times.of(case(*ways))
    monkeypatch.setattr(time, "perf_counter", itertools.count().__next__)
    measure(case(*ways), clock, 99.5, times, fewest=2)
    ours, slow, alike = ([s for s in seen if s is not None] for seen in times.ways)
    assert len(ours) == len(times.copy) == len(times.ways[1])
    assert len(ours) / 4 < len(alike) <= len(ours)
    # In 7 times as long it has a seventh of the turns, beside those that it must have.
    assert 2 <= len(slow) <= 2 + len(ours) / 5
    row = results(case(*ways), times)[1]
    assert row["turns"] == len(slow)
    assert row["ratio"] == 7


def test_rates_and_ratios() -> None:
    ways = Way(name="ours", call=id), Way(name="theirs", call=id, differs="less")
    one = case(*ways, nbytes=8_000_000)
    times = Times(
        ways=[[1e-3, 3e-3, 1e-3], [4e-3, 12e-3, 5e-3]],
        copy=[1e-3, 3e-3, 1e-3],
        copy_bytes=16_000_000,
    )
    ours, theirs = results(one, times)
    assert ours["us"] == {"p20": 1000, "median": 1000, "p80": pytest.approx(2200)}
    assert ours["gb_per_s"] == 8
    assert ours["copy_gb_per_s"] == 16
    assert (ours["copy_share"], ours["ratio"]) == (0.5, 1.0)
    assert (theirs["copy_share"], theirs["ratio"]) == (0.125, 4.0)
    assert [row["differs"] for row in (ours, theirs)] == ["", "less"]
    assert (ours["row"], ours["way"], ours["turns"]) == ("nothing", "ours", 3)


def test_the_copy_moves_as_much_as_the_kernel_but_not_too_little() -> None:
    clock = PretendClock()
    runner, moved = copy_runner(100, clock)
    assert moved == 16 << 20
    _, moved = copy_runner((40 << 20) + 9, clock)
    assert (40 << 20) <= moved < (40 << 20) + 16
    runner(1)


def test_a_real_clock_gives_finite_rates() -> None:
    way = Way(name="add", call=lambda x: x.add_(1))
    one = Case(
        name="add",
        nbytes=8 << 12,
        make=lambda seed: torch.zeros(1 << 12),
        reference=lambda x: x.numpy().astype(np.float64),
        rtol=0,
        atol=0,
        ways=(way,),
    )
    times = Times.of(one)
    measure(one, CpuClock(), 0.01, times)
    (row,) = results(one, times)
    assert 0 < row["us"]["p20"] <= row["us"]["median"] <= row["us"]["p80"]
    assert 0 < row["copy_share"] < 100
    assert row["ratio"] == 1
