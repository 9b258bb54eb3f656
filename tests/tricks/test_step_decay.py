"""Step decay."""

import pytest

from fasttricks.tricks.step_decay import StepDecay


def test_falls_at_the_first_step_of_the_epochs():
    share = StepDecay(120, 1251)
    for drop, before, after in [(30, 1, 0.1), (60, 0.1, 0.01), (90, 0.01, 0.001)]:
        assert share(drop * 1251 - 1) == pytest.approx(before, rel=1e-15)
        assert share(drop * 1251) == pytest.approx(after, rel=1e-15)
    assert share(0) == 1
    assert share(120 * 1251 - 1) == pytest.approx(0.001, rel=1e-15)


def test_fractions_of_epochs_and_other_factors():
    share = StepDecay(2, 3, (0.25, 1.0), 0.5)
    assert [share(step) for step in range(6)] == [1, 1, 0.5, 0.25, 0.25, 0.25]
    assert {StepDecay(3, 2, ())(step) for step in range(6)} == {1.0}
    assert str(share) == "x 0.5 at epochs 0.5, 1"


def test_drops_below_1_are_shares_of_the_epochs():
    assert StepDecay(120, 7).drop_epochs == (30, 60, 90)
    short = StepDecay(10, 4)
    assert short.drop_epochs == (2.5, 5, 7.5)
    assert short.drop_steps == (10, 20, 30)
    assert str(short) == "x 0.1 at epochs 2.5, 5, 7.5"
    assert StepDecay(10, 4, (0.3, 8)).drop_epochs == (3, 8)
    assert StepDecay(10, 4, (1, 8)).drop_epochs == (1, 8)
    assert [StepDecay(1, 4)(step) for step in range(4)] == pytest.approx([1, 0.1, 0.01, 0.001])


def test_a_share_that_no_float_is_falls_at_its_step():
    assert StepDecay(100, 10, (0.07,)).drop_steps == (70,)
    late = [
        (epochs, percent)
        for epochs in (90, 100, 120, 200, 300)
        for percent in range(1, 100)
        if StepDecay(epochs, 100, (percent / 100,)).drop_steps != (percent * epochs,)
    ]
    assert late == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((90, 10, (30, 60, 90)), "inside the 90 epochs"),
        ((90, 10, (60, 30)), "rise"),
        ((90, 10, (0.5, 45)), "rise"),
        ((90, 10, (0,)), "inside"),
    ],
)
def test_what_is_wrong_is_said(arguments, words):
    with pytest.raises(ValueError, match=words):
        StepDecay(*arguments)
