"""An iteration that something else ends says so, unless nothing of it was left."""

import gc
import os
import signal

import pytest

from fasttricks.pipelines.iteration import Iteration, Process


def steps(closed):
    try:
        yield from (1, 2)
    finally:
        closed.append(True)


def test_it_gives_what_there_is():
    assert list(Iteration(steps([]))) == [1, 2]


@pytest.mark.parametrize("begun", [False, True])
def test_ended_early(begun):
    iteration = Iteration(steps(closed := []))
    if begun:
        next(iteration)
    iteration.end("so it was")
    assert closed == [True] * begun
    for _ in range(2):
        with pytest.raises(RuntimeError, match="so it was"):
            next(iteration)


def test_ended_after_its_end():
    iteration = Iteration(steps([]))
    list(iteration)
    iteration.end("too late")
    assert next(iteration, None) is None


def test_dropping_it_ends_the_work():
    iteration = Iteration(steps(closed := []))
    next(iteration)
    del iteration
    gc.collect()
    assert closed == [True]


def test_whoever_closes_it_wants_no_more():
    iteration = Iteration(steps(closed := []))
    next(iteration)
    iteration.close()
    assert closed == [True]
    assert list(iteration) == []


def forked(work):
    """The exit code of a child that does some work; a hang ends by a signal, which is negative."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            os._exit(work())
        except BaseException:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_forked_child_neither_uses_nor_ends_what_its_parent_has():
    def steps():
        try:
            yield from range(3)
        finally:
            if os.getpid() != parent:
                signal.pause()  # as it waits for threads that a child has not

    parent, process = os.getpid(), Process()
    assert process.is_here()  # nothing runs yet
    process.enter()
    iteration = Iteration(steps(), process)
    assert next(iteration) == 0

    def use():
        with pytest.raises(RuntimeError, match="belongs to another process; open it where it is"):
            next(iteration)
        return 3

    def drop():
        nonlocal iteration
        del iteration
        gc.collect()
        return 4

    assert (forked(use), forked(drop)) == (3, 4)
    assert list(iteration) == [1, 2]


def test_what_nobody_has_used_yet_may_be_used_in_a_child():
    process = Process()

    def use():
        process.check()
        process.enter()
        process.check()
        return 3

    assert forked(use) == 3
    process.check()
