"""Cosine decay."""

import math
from itertools import pairwise

import pytest

from fasttricks.tricks.cosine import Cosine

STEPS = 1281167 // 1024 * 115  # P1: 120 epochs of 1251 steps, 5 of them warm-up


def test_begins_at_one_is_half_in_the_middle_and_ends_at_zero():
    share = Cosine(1000)
    assert share(0) == 1
    assert share(500) == pytest.approx(0.5, rel=1e-15)
    assert share(250) == pytest.approx((1 + math.sqrt(0.5)) / 2, rel=1e-15)
    assert share(1000) == 0
    assert share(1001) == 0  # no restart


def test_falls_at_every_step_not_at_every_epoch():
    share = Cosine(STEPS)
    rates = [share(step) for step in range(STEPS)]
    assert all(later < before for before, later in pairwise(rates))


def test_the_two_ends():
    after, last = Cosine(100), Cosine(100, "last")
    assert after(99) == pytest.approx((1 - math.cos(math.pi / 100)) / 2, rel=1e-9)
    assert after(99) > 0
    assert last(99) == 0
    assert last(0) == after(0) == 1
    assert Cosine(1, "last")(0) == Cosine(1)(0) == 1


@pytest.mark.parametrize(("arguments", "words"), [((0,), "steps"), ((5, "soon"), "after, last")])
def test_what_is_wrong_is_said(arguments, words):
    with pytest.raises(ValueError, match=words):
        Cosine(*arguments)
