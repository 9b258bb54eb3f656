from __future__ import annotations

from dataclasses import replace

import pytest

from fasttricks.bench.scripts.config import Config
from fasttricks.bench.scripts.window import window_of


def test_the_clock_stops_before_loaders_have_nothing_left_to_do() -> None:
    base = Config().recipe
    window = window_of(base, threads=2)
    assert (window.warm, window.last, window.steps) == (4, 20, 26)
    assert window_of(base, threads=16).rest > 2 * 16
    given = window_of(replace(base, max_steps=40), threads=2)
    assert (given.steps, given.timed) == (40, 30)
    cuda = Config(device="cuda").recipe
    assert (window_of(cuda, 2).timed, cuda.log_every) == (200, 10)


def test_too_few_steps_to_time_any() -> None:
    assert window_of(Config(max_steps=12).recipe, threads=2).timed == 2
    with pytest.raises(ValueError, match="at least 12 are needed"):
        window_of(Config(max_steps=11).recipe, threads=2)
