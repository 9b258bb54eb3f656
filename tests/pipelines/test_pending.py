"""Whoever waits for a batch gets it, or what kept it from being made."""

import threading
import time

import pytest

from fasttricks.pipelines.pending import Pending, PendingBatches


class Kept(Pending):
    """Of a step."""

    def __init__(self, step):
        super().__init__(2)
        self.step = step


def pending():
    """Pending batches, and the claims that were hurried."""
    hurried = []
    return PendingBatches(Kept, hurried.append), hurried


def test_a_batch_is_made_once_whoever_asks_first():
    made, _ = pending()
    found = []
    threads = [threading.Thread(target=lambda: found.append(made[3])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {id(batch) for batch in found} == {id(made[3])}
    assert made[3].step == 3


def test_waiting_for_a_result_hurries_its_memory():
    made, hurried = pending()
    worker = threading.Timer(0.05, made[1].finish)
    worker.start()
    assert made.result(1).step == 1
    assert [claim.blocks for claim in hurried] == [2]
    fresh = made[1]  # had once: now it would be another
    assert not fresh.done()


def test_a_failure_is_raised_where_its_result_is_asked_for():
    made, _ = pending()
    made[2].fail(ValueError("no picture"))
    made[1].finish()
    assert made.result(1).step == 1
    with pytest.raises(ValueError, match="no picture"):
        made.result(2)


def test_an_error_breaks_those_there_are_and_those_to_come():
    made, _ = pending()
    waiting = made[0]
    made.stop(MemoryError("full"))
    assert made.stopped
    assert waiting.done()
    for step in (0, 7):
        with pytest.raises(MemoryError, match="full"):
            made.result(step)


def test_what_is_there_is_not_lost_to_a_later_error():
    made, _ = pending()
    made[0].finish()
    made.stop(MemoryError("full"))
    assert made.result(0).step == 0
    late = made[1]
    late.finish()  # by a thread that does not know of the error yet
    with pytest.raises(MemoryError, match="full"):
        made.result(1)


def test_results_are_taken_while_all_are_being_broken():
    class Slow(Pending):
        """Gives whoever waits for it the time to take it."""

        def fail(self, error):
            super().fail(error)
            time.sleep(0.02)

    made = PendingBatches(lambda _: Slow(2), lambda _: None)
    errors = []

    def take(step):
        try:
            made.result(step)
        except MemoryError as error:
            errors.append(error)

    takers = [threading.Thread(target=take, args=(step,), daemon=True) for step in range(4)]
    for taker in takers:
        taker.start()
    for step in range(4):
        _ = made[step]
    made.stop(MemoryError("full"))
    for taker in takers:
        taker.join(10)
    assert len(errors) == 4


def test_stopping_ends_the_wait_for_memory_that_is_under_way():
    made, hurried = pending()
    claim = made[0].claim
    assert made.may_await(claim)
    made.stop()
    assert hurried == [claim]
    assert not made.may_await(made[1].claim)
    assert not made[0].done()  # whoever has begun may still finish
