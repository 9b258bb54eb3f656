"""The three kinds of warm-up."""

from fractions import Fraction
from typing import get_args

import pytest

from fasttricks.tricks.warmup import Kind, Warmup

STEPS = 50  # m
PEAK = 0.4


def test_from_zero_is_i_times_eta_over_m_for_i_from_1():
    lr = Warmup("from-zero", STEPS, 0.1, PEAK)
    for i in range(1, STEPS + 1):
        assert lr(i - 1) == pytest.approx(float(Fraction(i, STEPS) * Fraction(PEAK)), rel=1e-15)
    assert lr(0) == pytest.approx(PEAK / STEPS)
    assert lr(0) > 0  # counting from 0 would lose the first batch
    assert lr(STEPS // 2 - 1) == pytest.approx(PEAK / 2)
    assert lr(STEPS - 1) == PEAK
    assert lr(STEPS) == PEAK


def test_from_base_starts_at_the_unscaled_rate():
    lr = Warmup("from-base", STEPS, 0.1, PEAK)
    assert lr(0) == 0.1
    assert lr(STEPS // 2) == pytest.approx((0.1 + PEAK) / 2, rel=1e-15)
    assert lr(STEPS - 1) == pytest.approx(PEAK - (PEAK - 0.1) / STEPS, rel=1e-15)
    assert lr(STEPS) == PEAK


def test_constant_jumps():
    lr = Warmup("constant", STEPS, 0.1, PEAK)
    assert {lr(step) for step in range(STEPS)} == {0.1}
    assert lr(STEPS) == PEAK


@pytest.mark.parametrize("kind", get_args(Kind))
def test_never_falls_and_no_steps_is_none(kind):
    rates = [Warmup(kind, STEPS, 0.1, PEAK)(step) for step in range(2 * STEPS)]
    assert rates == sorted(rates)
    assert Warmup(kind, 0, 0.1, PEAK)(0) == PEAK


def test_says_what_it_is():
    assert str(Warmup("from-zero", 6255, 0.1, PEAK)) == "0 to 0.4 in 6,255 steps"
    assert str(Warmup("constant", 50, 0.1, PEAK)) == "0.1 for 50 steps"
