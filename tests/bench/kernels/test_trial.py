from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fasttricks.bench.kernels.case import Case, Way, WayFailedError
from fasttricks.bench.kernels.measure import Times
from fasttricks.bench.kernels.trial import Trial

WAYS = tuple(Way(name=name, call=id) for name in ("fasttricks", "slow", "broken"))
CASE = Case(
    name="nothing",
    nbytes=1,
    make=np.arange,
    reference=lambda given: given.astype(np.float64),
    rtol=0,
    atol=0,
    ways=WAYS,
)


def test_what_was_seen_of_the_others_stays_theirs() -> None:
    told: list[str] = []
    trial = Trial(CASE, told.append)
    trial.times.ways = [[1.0], [2.0], [3.0]]
    trial.times.calls = [10, 20, 30, 99]
    asked: list[Any] = []

    def action(case: Case, times: Times) -> None:
        asked.append([way.name for way in case.ways])
        if WAYS[1] in case.ways:
            raise WayFailedError(WAYS[1], "too slow")

    trial.attempt(action)
    assert asked == [["fasttricks", "slow", "broken"], ["fasttricks", "broken"]]
    assert trial.case.ways == (WAYS[0], WAYS[2])
    assert (trial.times.ways, trial.times.calls) == ([[1.0], [3.0]], [10, 30, 99])
    assert trial.failures == told == ["nothing: slow failed: too slow"]
    assert not trial.own_failed


@pytest.mark.parametrize(
    "error", [MemoryError("full"), WayFailedError(Way(name="copy", call=id), "full")]
)
def test_a_case_that_none_of_its_ways_fails_at_is_over_and_not_passed_in_silence(
    error: Exception,
) -> None:
    def action(*_: Any) -> None:
        raise error

    trial = Trial(CASE, str)
    trial.attempt(action)
    assert trial.own_failed
    assert trial.case.ways == ()
    assert trial.times.ways == []
    (line,) = trial.failures
    assert "full; not timed without it: slow, broken" in line
    trial.attempt(lambda *_: pytest.fail("it is over"))


def test_ctrl_c_is_no_failure() -> None:
    def action(*_: Any) -> None:
        raise KeyboardInterrupt

    trial = Trial(replace(CASE, ways=WAYS[:1]), str)
    with pytest.raises(KeyboardInterrupt):
        trial.attempt(action)
    assert trial.failures == []
