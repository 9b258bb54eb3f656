from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fasttricks.bench.kernels.case import LONGEST, Case, Way, check
from fasttricks.errors import FasttricksError


def case(*ways: Way, **changes: Any) -> Case:
    """Doubling four numbers."""
    given: dict[str, Any] = {
        "name": "double",
        "nbytes": 64,
        "make": lambda seed: torch.arange(seed, seed + 4, dtype=torch.float32),
        "reference": lambda inputs: 2.0 * inputs.numpy()[:3],
        "rtol": 0.0,
        "atol": 1e-6,
        "ways": ways,
    }
    return Case(**{**given, **changes})


def test_right_ways_pass_whatever_they_return() -> None:
    as_tensor = Way(name="a", call=lambda x: 2 * x)
    as_list = Way(name="b", call=lambda x: [2 * v for v in x], prepare=lambda x: x.tolist())
    half = Way(name="c", call=lambda x: (2 * x).to(torch.bfloat16))
    check(case(as_tensor, as_list, half))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: 2 * x + 1e-5,
        lambda x: 3 * x,
        lambda x: 2 * x.flip(0),
        lambda x: 2 * x / torch.tensor(0.0),
        lambda x: torch.full_like(x, torch.nan),
    ],
)
def test_wrong_ways_are_named(wrong: Any) -> None:
    ways = Way(name="good", call=lambda x: 2 * x), Way(name="bad", call=wrong)
    with pytest.raises(FasttricksError, match=r"bad failed: it is .* off the reference"):
        check(case(*ways))


def test_another_shape_is_told() -> None:
    with pytest.raises(FasttricksError, match=r"gives \(3, 1\) where the reference gives \(3,\)"):
        check(case(Way(name="a", call=lambda x: 2 * x[:, None])))


def test_other_work_is_run_but_not_compared() -> None:
    calls: list[Any] = []
    check(case(Way(name="a", call=lambda x: calls.append(x) or np.zeros(1), differs="zeros")))
    assert len(calls) == 1


def test_each_way_has_inputs_of_its_own() -> None:
    seen: list[list[float]] = []
    way = Way(name="a", call=lambda x: seen.append(x.tolist()) or 2 * x)
    check(case(way, way))
    assert seen[0] != seen[1]


def test_tolerance_is_relative_and_absolute() -> None:
    way = Way(name="a", call=lambda x: 2.2 * x)
    check(case(way, rtol=0.11))
    with pytest.raises(FasttricksError):
        check(case(way, rtol=0.09))


def test_whatever_goes_wrong_is_the_failure_of_a_way_in_one_line() -> None:
    def call(_: Any) -> None:
        raise ValueError("many\n\n   lines " + 99 * "of words ")

    bad = Way(name="bad", call=call)
    line = r"^bad failed: ValueError: many lines of .*\.\.\.$"
    with pytest.raises(FasttricksError, match=line) as told:
        check(case(Way(name="good", call=lambda x: 2 * x), bad))
    assert len(str(told.value)) < LONGEST + 50


def test_names_tell_whose_a_way_is() -> None:
    ways = [Way(name=name, call=id) for name in ("fasttricks", "fasttricks torch", "torch")]
    assert [way.ours for way in ways] == [True, True, False]
