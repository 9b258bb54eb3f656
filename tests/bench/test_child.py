from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from fasttricks.bench import child
from fasttricks.errors import DataError

BATCH, QUEUED, COST = 64, 10, 0.125  # sums of eighths are exact


class World:
    """A clock, and batches of which the first ones were made before anybody looked."""

    def __init__(self) -> None:
        self.now = 100.0
        self.calls: list[tuple[str, float]] = []

    def batches(self) -> Iterator[range]:
        yield from (range(BATCH) for _ in range(QUEUED))
        while True:
            self.now += COST
            yield range(BATCH)

    def round(self, **changes: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "seconds": 1.25,
            "drain_batches": QUEUED,
            "drain_seconds": 0.0,
            "limit": 0,
            "clock": lambda: self.now,
            "begin": lambda: self.calls.append(("begin", self.now)),
            "settle": lambda: self.calls.append(("settle", self.now)),
        }
        return child.timed_round(self.batches(), deque(maxlen=1), **given | changes)


def rate(result: dict[str, Any]) -> float:
    return float(result["images"] / result["seconds"])


def test_what_was_made_before_is_not_counted() -> None:
    assert rate(World().round()) == pytest.approx(BATCH / COST)


def test_without_draining_the_figure_would_be_doubled() -> None:
    assert rate(World().round(drain_batches=0)) == pytest.approx(2 * BATCH / COST)


def test_draining_also_lasts_a_time() -> None:
    world = World()
    result = world.round(drain_seconds=0.4)
    assert result["begin"] == 100.5
    assert rate(result) == pytest.approx(BATCH / COST)


def test_clock_starts_after_draining_and_settling() -> None:
    world = World()
    result = world.round(drain_batches=QUEUED + 2)
    assert [name for name, _ in world.calls] == ["settle", "begin", "settle"]
    assert world.calls[1][1] == result["begin"] == pytest.approx(100 + 2 * COST)


def test_gaps_are_the_times_between_batches() -> None:
    result = World().round()
    assert len(result["gaps"]) * BATCH == result["images"]
    assert sum(result["gaps"]) == pytest.approx(result["seconds"])
    assert set(result["gaps"]) == {COST}


def test_limit_counts_drained_pictures_too() -> None:
    result = World().round(limit=(QUEUED + 3) * BATCH, seconds=100.0)
    assert result["images"] == 3 * BATCH


def test_at_least_one_batch_is_timed() -> None:
    assert World().round(limit=1)["images"] == BATCH
    assert World().round(seconds=0.01)["images"] == BATCH


def test_waiting_for_the_device_is_part_of_the_time() -> None:
    world = World()

    def settle() -> None:
        world.now += 0.5

    assert world.round(settle=settle)["seconds"] == pytest.approx(1.25 + 0.5)


def test_reason_is_one_line() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("first\nsecond")
    assert child._reason(caught.value).startswith("RuntimeError: second (test_child.py:")
    assert child._reason(DataError("the folder\nis empty")) == "the folder is empty"


@pytest.mark.parametrize("count", [1, 2])
def test_batches_are_held_while_the_next_one_is_made(count: int) -> None:
    """As by a trainer: memory that is used again cannot be that of the batches before."""

    class Batch(list[int]):
        pass

    known: list[weakref.ref[Batch]] = []
    alive: list[int] = []

    def batches() -> Iterator[Batch]:
        while True:
            alive.append(sum(it() is not None for it in known))
            batch = Batch(range(BATCH))
            known.append(weakref.ref(batch))
            yield batch
            del batch

    clock = iter(range(100))
    child.timed_round(
        batches(),
        deque(maxlen=count),
        seconds=5,
        drain_batches=3,
        drain_seconds=0,
        limit=0,
        clock=lambda: float(next(clock)),
        begin=lambda: None,
        settle=lambda: None,
    )
    assert set(alive[count:]) == {count}
