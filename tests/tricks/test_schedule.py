"""Warm-up and decay put together."""

import math
import pickle
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from fasttricks.tricks.cosine import cosine
from fasttricks.tricks.schedule import Schedule
from fasttricks.tricks.step_decay import QUARTERS, StepDecay
from fasttricks.tricks.warmup import Warmup


def made(decay, *, peak, epochs, steps, warmup="from-zero", warmup_epochs=5, drops=QUARTERS):
    """With `steps` steps an epoch."""
    begin = Warmup(warmup, warmup_epochs * steps, 0.1, peak)
    how = StepDecay(epochs, steps, drops) if decay == "step" else decay
    return Schedule(begin, epochs * steps, how)


def p1(decay, **changes):
    """The paper's: 1251 steps an epoch, 120 epochs, 0.4 after 5 epochs."""
    return made(decay, **({"peak": 0.4, "epochs": 120, "steps": 1251} | changes))


def test_cosine_counts_from_the_end_of_the_warm_up():
    lr = p1("cosine")
    warm, total = 5 * 1251, 120 * 1251
    rest = total - warm
    assert lr.steps == total
    assert lr(0) == pytest.approx(0.4 / warm)
    assert lr(warm - 1) == lr(warm) == 0.4  # the joint: no jump, no gap
    assert lr(warm + 1) < 0.4
    assert lr(warm + rest // 3) == pytest.approx(
        0.2 * (1 + math.cos(math.pi * (rest // 3) / rest)), rel=1e-12
    )
    assert 0 < lr(total - 1) < 1e-9
    assert lr(total) == 0


def test_step_decay_counts_from_the_start():
    lr = p1("step")
    assert lr.steps == 120 * 1251
    assert lr(5 * 1251) == lr(30 * 1251 - 1) == 0.4
    assert lr(30 * 1251) == pytest.approx(0.04)  # not at epoch 35
    assert lr(90 * 1251) == pytest.approx(0.0004)


@pytest.mark.parametrize("decay", ["step", "cosine", "constant"])
@pytest.mark.parametrize("warmup", ["from-zero", "from-base", "constant"])
def test_rises_then_falls(decay, warmup):
    shape = {"epochs": 9, "steps": 7, "warmup_epochs": 2, "drops": (4, 6)}
    lr = made(decay, peak=0.4, warmup=warmup, **shape)
    rates = [lr(step) for step in range(63)]
    assert all(a <= b for a, b in pairwise(rates[:15]))
    assert all(a >= b for a, b in pairwise(rates[14:]))
    assert max(rates) == 0.4


def test_no_warm_up():
    lr = made("cosine", peak=1.0, epochs=2, steps=5, warmup_epochs=0)
    assert [lr(step) for step in range(10)] == [cosine(step, 10) for step in range(10)]


def test_a_line_from_the_peak_to_nothing():
    """get_cyclic_lr of libffcv/ffcv-imagenet, whose points are 0, the peak and the end."""
    lr = made("linear", peak=1.7, epochs=16, steps=10, warmup_epochs=2)
    assert lr.steps == 160
    for step in range(20, 160):
        assert lr(step) == pytest.approx(float(np.interp(step / 10, [2, 16], [1.7, 0])))
    assert lr(160) == lr(1000) == 0
    assert str(lr).endswith("then 1.7 linearly to 0 in 140 steps")


def test_is_a_value_that_prints():
    lr = p1("cosine")
    assert pickle.loads(pickle.dumps(lr)) == lr
    assert str(lr) == "0 to 0.4 in 6,255 steps, then 0.4 cosine to 0 in 143,865 steps"
    assert str(p1("step", warmup_epochs=0)) == "0.4 x 0.1 at epochs 30, 60, 90"
    assert str(Schedule(Warmup("constant", 0, 0.1, 1.0), 7, "constant")) == "1 constant for 7 steps"


def test_needs_no_torch():
    code = "import sys, fasttricks.tricks.schedule; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
