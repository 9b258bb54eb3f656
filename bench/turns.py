"""Steps that take turns, round by round: what slows the machine down for a while meets all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

WARMUP_STEPS = 2
"""Timed together while an entry warms up."""


def nothing() -> None:
    """What has nothing to close."""


@dataclass(kw_only=True)
class Entry:
    """Something whose steps are timed, and what was seen of it."""

    label: str
    """What to call it in messages."""
    once: Callable[[], object]
    """A step."""
    settle: Callable[[], None]
    """Waits until all is done that was started."""
    close: Callable[[], None] = nothing
    """Ends what goes on in the background, after each turn."""
    lead: int = 1
    """Steps of a turn before its clock starts."""
    first_s: float = 0.0
    """What the first step took: compiling is in it."""
    calls: int = 1
    """Steps that are timed together."""
    seconds: list[float] = field(default_factory=list)
    """Of one step, for every round."""


def in_turn(entries: Sequence[T], number: int) -> Sequence[T]:
    """The order in which round `number`, from 1 on, takes entries: every second one backwards.

    What the entry before leaves behind, a hot chip or memory in other pieces, is then to each of a
    pair's advantage as often as to the other's.
    """
    return entries if number % 2 else entries[::-1]


def warm_up(entry: Entry, *, seconds: float, warmup: float) -> None:
    """Run the first step, then more for `warmup` seconds: memory is had, algorithms are chosen,
    clocks are up. Finds how many steps take `seconds`."""
    entry.first_s = timed(entry, 1, lead=0)
    end = time.perf_counter() + warmup
    took = timed(entry, WARMUP_STEPS)
    while time.perf_counter() < end:
        took = timed(entry, WARMUP_STEPS)
    entry.calls = _steps_in(seconds, took)


def take_turns(
    entries: Sequence[Entry],
    *,
    rounds: int,
    seconds: float,
    tell: Callable[[str], None],
    after_round: Callable[[], None] = nothing,
) -> None:
    """Time each entry once a round, for about `seconds`; all are warm already.

    Steps that are not timed stand between two entries.
    """
    for number in range(1, rounds + 1):
        for entry in in_turn(entries, number):
            tell(f"{entry.label}: round {number} of {rounds}")
            took = timed(entry, entry.calls)
            entry.seconds.append(took)
            entry.calls = _steps_in(seconds, took)  # the machine may have changed
        after_round()


def timed(entry: Entry, calls: int, lead: int | None = None) -> float:
    """Seconds of one of `calls` steps, from an idle device to an idle device."""
    for _ in range(entry.lead if lead is None else lead):
        entry.once()
    entry.settle()
    begin = time.perf_counter()
    for _ in range(calls):
        entry.once()
    entry.settle()
    took = (time.perf_counter() - begin) / calls
    entry.close()
    return took


def _steps_in(seconds: float, step_s: float) -> int:
    return max(1, round(seconds / step_s))
