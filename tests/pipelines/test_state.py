import numpy as np
import pytest

from fasttricks.pipelines.state import check_state

HERE = {"plan_version": 4, "seed": 0, "epoch": 0, "consumed": 0, "samples": 10}


@pytest.mark.parametrize(
    "change", [{}, {"consumed": 10}, {"seed": 2**64 - 1}, {"epoch": np.int64(3)}, {"more": 1}]
)
def test_what_can_be_gone_on_from(change):
    check_state(HERE | change, HERE)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (None, "a NoneType, not a dict"),
        ({"seed": 0}, "it lacks consumed, epoch, plan_version, samples"),
        (HERE | {"plan_version": 3}, "plan version 3, this is version 4"),
        (HERE | {"samples": 9}, "with 9 samples, this data set has 10"),
        (HERE | {"consumed": 11}, r"consumed must lie in \[0, 11\); got 11"),
        (HERE | {"seed": 1.0}, "seed must lie in .* got 1.0"),
        (HERE | {"epoch": True}, "epoch must lie in .* got True"),
        (HERE | {"epoch": 2**32}, "epoch must lie in .* got 4294967296"),
        (HERE | {"seed": 2**64}, r"seed must lie in \[0, 18446744073709551616\); got 184"),
        (HERE | {"consumed": -1}, "consumed must lie in .* got -1"),
        (HERE | {"plan_version": "4"}, "plan_version must be an integer; got '4'"),
        (HERE | {"samples": "10"}, "samples must be an integer; got '10'"),
    ],
)
def test_what_cannot(state, told):
    with pytest.raises(ValueError, match=told):
        check_state(state, HERE)
