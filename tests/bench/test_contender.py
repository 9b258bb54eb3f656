"""What `tests/bench/test_measure.py` does not see: how long a row is waited for."""

from pathlib import Path

import pytest

from fasttricks.bench.child import Settings
from fasttricks.bench.contender import Contender, RowFailedError
from fasttricks.bench.process import Group, Guard
from fasttricks.bench.rows import Row

FAKE = str(Path(__file__).with_name("fake_row.py"))


def contender(name, guard, patience_s):
    settings = Settings(
        name=name,
        root="",
        repeat=1,
        batch_size=4,
        size=8,
        device="cpu",
        dtype="float32",
        threads=1,
        train=True,
        work="full",
        cold=False,
        pack="",
    )
    row = Row(name=name, threads=1, source=FAKE, prepares=True)
    return Contender(row, settings, 0.0, guard, patience_s)


def test_a_row_that_says_nothing_is_not_waited_for_longer():
    with Guard() as guard:
        stalls = contender("stalls", guard, 0.2)
        with pytest.raises(RowFailedError, match="nothing heard from it"):
            stalls.start()
        stalls.close()


def test_one_that_is_in_time_is_measured():
    with Guard() as guard:
        works = contender("works", guard, 60.0)
        works.start()
        assert works.round(0.05, limit=0).images > 0
        works.close()


def test_a_row_that_cannot_be_put_to_sleep_fails(monkeypatch):
    def goes_on(_):
        raise TimeoutError("process 7 (python, state D) did not stop within 10 s")

    with Guard() as guard:
        works = contender("works", guard, 60.0)
        monkeypatch.setattr(Group, "stop", goes_on)
        with pytest.raises(RowFailedError, match=r"works.* failed: process 7 .* did not stop"):
            works.start()
        works.close()
