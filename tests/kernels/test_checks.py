"""What counts as a number where one is asked for, and how anything else is refused."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from fasttricks.kernels.checks import integer, number, numbers


@pytest.mark.parametrize("given", [2, 2.0, np.float32(2), np.int64(2), Fraction(4, 2)])
def test_numbers_of_all_kinds_are_taken(given):
    assert number("A.b", given) == 2
    assert type(number("A.b", given)) is float


@pytest.mark.parametrize("given", ["2", None, True, [2.0], 2j, np.array(2.0), torch.tensor(2.0)])
def test_what_is_no_number_is_refused(given):
    with pytest.raises(ValueError, match=r"A\.b must be a number; got ") as told:
        number("A.b", given)
    assert str(told.value).endswith(repr(given))


def test_a_number_has_to_be_good():
    def positive(x):
        return x > 0

    assert number("A.b", 0.5, "> 0", positive) == 0.5
    for wrong in (0, -1.0, float("nan"), "1"):
        with pytest.raises(ValueError, match=r"A\.b must be > 0; got "):
            number("A.b", wrong, "> 0", positive)


def test_integers():
    def positive(x):
        return x > 0

    assert integer("A.b", np.int64(3), ">= 1", positive) == 3
    assert type(integer("A.b", np.uint8(3), ">= 1", positive)) is int
    for wrong in (0, 3.0, True, "3", None, torch.tensor(3)):
        with pytest.raises(ValueError, match=r"A\.b must be an integer >= 1; got "):
            integer("A.b", wrong, "an integer >= 1", positive)


@pytest.mark.parametrize(
    "given", [(1, 2), [1.0, 2], np.float32([1, 2]), torch.tensor([1.0, 2.0]), range(1, 3)]
)
def test_several_numbers_become_a_tuple(given):
    found = numbers("A.b", given, 2, "(low, high)")
    assert found == (1.0, 2.0)
    assert all(type(one) is float for one in found)


@pytest.mark.parametrize(
    "given",
    [
        1,
        None,
        "12",
        ("1", "2"),
        (1, True),
        (1,),
        (1, 2, 3),
        np.array(1.0),
        torch.tensor(1.0),
        [[1], [2]],
    ],
)
def test_what_is_not_so_many_numbers_is_refused(given):
    with pytest.raises(ValueError, match=r"A\.b must be 2 numbers, \(low, high\); got "):
        numbers("A.b", given, 2, "(low, high)")
