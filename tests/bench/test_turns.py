from __future__ import annotations

import itertools
import time

import pytest

from fasttricks.bench.turns import WARMUP_STEPS, Entry, take_turns, timed, warm_up


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes between two looks at the clock."""
    monkeypatch.setattr(time, "perf_counter", itertools.count(step=1.0).__next__)


def counted(name: str, calls: list[str], lead: int = 1) -> Entry:
    return Entry(
        label=name, once=lambda: calls.append(name), settle=lambda: None, calls=2, lead=lead
    )


def test_entries_take_turns_and_every_second_round_goes_backwards(ticking: None) -> None:
    calls: list[str] = []
    told: list[str] = []
    entries = [counted(name, calls) for name in "ab"]
    take_turns(
        entries,
        rounds=3,
        seconds=1.0,
        tell=told.append,
        after_round=lambda: calls.append("."),
    )
    # A step before the clock starts, and two timed ones.
    assert "".join(calls) == "aaabbb.bbbaaa.aaabbb."
    assert [one.seconds for one in entries] == [[0.5] * 3] * 2
    assert told[0] == "a: round 1 of 3"
    assert len(told) == 2 * 3


def test_the_number_of_steps_follows_the_machine(ticking: None) -> None:
    one = counted("a", [])
    one.calls = 4
    take_turns([one], rounds=2, seconds=1.0, tell=lambda _: None)
    assert one.seconds == [0.25, 0.25]
    assert one.calls == 4
    take_turns([one], rounds=2, seconds=2.0, tell=lambda _: None)
    assert one.seconds[2:] == [0.25, 0.125]


def test_warming_up_takes_time_and_some_steps(ticking: None) -> None:
    calls: list[str] = []
    one = counted("a", calls, lead=0)
    warm_up(one, seconds=3.0, warmup=0.0)
    assert len(calls) == 1 + WARMUP_STEPS
    assert (one.first_s, one.calls) == (1.0, 3 * WARMUP_STEPS)
    calls.clear()
    warm_up(one, seconds=3.0, warmup=10.0)
    assert len(calls) > 1 + 2 * WARMUP_STEPS


def test_what_was_made_before_is_used_up_before_the_clock_starts() -> None:
    calls: list[str] = []
    one = Entry(
        label="roi",
        once=lambda: calls.append("once"),
        settle=lambda: calls.append("settle"),
        close=lambda: calls.append("close"),
        lead=6,
    )
    assert timed(one, 3) > 0
    assert calls == [*["once"] * 6, "settle", *["once"] * 3, "settle", "close"]
