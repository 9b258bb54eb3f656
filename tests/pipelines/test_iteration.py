"""An iteration that something else ends says so, unless nothing of it was left."""

import gc

import pytest

from fasttricks.pipelines.iteration import Iteration


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
