"""What is said at the end follows from what was measured."""

import pytest

from fasttricks.train.summary import Clock, duration, summary


def clock(*, loader=0.0, step=0.0, evaluation=0.0, saving=0.0, start=1.0):
    made = Clock(loader=loader, step=step, evaluation=evaluation, saving=saving)
    made.began -= loader + step + evaluation + saving + start
    return made


def words(**seconds):
    return summary(clock(**seconds), 1000, shared_cores=False)


def test_the_step_is_named_where_the_loader_keeps_up():
    rate, verdict = words(loader=1.0, step=99.0)
    assert "10 images/s" in rate
    assert "step 98 %" in rate
    assert verdict == (
        "What held training back: the step; the loader kept up (1 % of training was waiting for "
        "pictures)."
    )


def test_the_loader_is_named_where_most_is_waiting():
    assert "back: the loader (75 % of" in words(loader=75.0, step=25.0)[1]


def test_both_are_named_between_and_how_much_there_is_to_gain():
    text = words(loader=20.0, step=80.0)[1]
    assert "the step, and the loader in part" in text
    assert "1.25 times as fast" in text


@pytest.mark.parametrize(
    ("what", "setting"), [("evaluation", "--eval-every"), ("saving", "--save-epochs")]
)
def test_what_else_takes_long_is_named_with_its_setting(what, setting):
    assert setting in words(step=50.0, **{what: 50.0})[1]
    assert setting not in words(step=95.0, **{what: 5.0})[1]


def test_a_start_that_took_most_is_named_first():
    verdict = words(step=10.0, start=30.0)[1]
    assert verdict.startswith("What held training back: starting, 75 % of the run")
    assert "; then the step; the loader kept up" in verdict
    assert "starting" not in words(step=90.0, start=10.0)[1]


def test_shared_cores_are_told():
    assert "share the CPU" in summary(clock(step=1.0), 1, shared_cores=True)[1]
    assert "share the CPU" not in summary(clock(step=1.0), 1, shared_cores=False)[1]


def test_nothing_done_is_no_division_by_zero():
    assert summary(Clock(), 0, shared_cores=False) == ["Nothing was trained."]


def test_waiting_is_never_more_than_there_was_time():
    it = Clock()
    it.trained(2.0, 3.0)
    assert (it.loader, it.step, it.waiting) == (2.0, 0.0, 1.0)
    with it.timing("saving"):
        pass
    assert 0 <= it.saving < 1


def test_durations_are_readable():
    assert [duration(s) for s in (3.25, 600, 36000)] == ["3.2 s", "10.0 min", "10.0 h"]
