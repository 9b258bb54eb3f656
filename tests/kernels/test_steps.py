from fasttricks.kernels.policy import MAX_ROUNDS, AutoAugment
from fasttricks.kernels.steps import STEP, STEPS, Op


def test_an_operation_holds_the_longest_policy_and_the_three_steps_of_colour():
    assert max(MAX_ROUNDS, AutoAugment().table(224).shape[1]) + 3 <= STEPS


def test_zeros_do_nothing():
    assert Op.IDENTITY == 0
    assert STEP.itemsize == 16
