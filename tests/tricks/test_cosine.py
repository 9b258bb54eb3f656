"""Cosine decay."""

import math
from itertools import pairwise

import pytest

from fasttricks.tricks.cosine import cosine

STEPS = 1281167 // 1024 * 115  # P1: 120 epochs of 1251 steps, 5 of them warm-up


def test_begins_at_one_is_half_in_the_middle_and_ends_at_zero():
    assert cosine(0, 1000) == 1
    assert cosine(500, 1000) == pytest.approx(0.5, rel=1e-15)
    assert cosine(250, 1000) == pytest.approx((1 + math.sqrt(0.5)) / 2, rel=1e-15)
    assert cosine(999, 1000) > 0
    assert cosine(1000, 1000) == 0
    assert cosine(1001, 1000) == 0  # no restart


def test_falls_at_every_step_not_at_every_epoch():
    rates = [cosine(step, STEPS) for step in range(STEPS)]
    assert all(later < before for before, later in pairwise(rates))
