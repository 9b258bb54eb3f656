import numpy as np
import pytest

from fasttricks.kernels.mix import description as mix
from fasttricks.kernels.mix.check import is_valid
from tests.kernels.finish_checks import fresh, random_mixes

SIZES = 3, 20, 30
INTEGERS = [-(2**31), -2, -1, 0, 1, 2, 3, 4, 19, 20, 21, 29, 30, 31, 2**31 - 1]
FLOATS = [-np.inf, -1, -1e-6, 0, 0.5, 1, 1.001, 7, np.inf, np.nan]
RECTANGLE = ["top", "left", "height", "width", "source", "from_top", "from_left"]


def says_nothing(mixes):
    try:
        mix.check(mixes, *SIZES)
    except ValueError:
        return False
    return True


def cases():
    yield from ((field, number) for field in ("own", "count", *RECTANGLE) for number in INTEGERS)
    yield from ((field, number) for field in ("weight", "noise", "value") for number in FLOATS)


def test_agrees_with_what_names_the_problem():
    """One field of one output at a time takes any number."""
    seed = fresh()
    mixes = random_mixes(5, *SIZES, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    assert is_valid(mixes, *SIZES)
    answers = []
    for field, number in cases():
        for _ in range(3):
            other = mixes.copy()
            one = other[rng.integers(5)]
            record = one if field in one.dtype.names else one["patches"][rng.integers(mix.PATCHES)]
            record[field] = number
            answers.append(is_valid(other, *SIZES))
            assert answers[-1] == says_nothing(other), (seed, field, number)
    assert 50 < sum(answers) < len(answers) - 50


@pytest.mark.parametrize("channel", range(3))
def test_each_channel_of_a_constant_is_looked_at(channel):
    mixes = mix.plain([0])
    mixes["count"], mixes["patches"]["source"] = 1, mix.CONSTANT
    assert is_valid(mixes, *SIZES)
    mixes["patches"]["value"][..., channel] = np.nan
    assert not is_valid(mixes, *SIZES)


def test_sums_do_not_wrap_around():
    mixes = mix.plain([0])
    mixes["count"] = 1
    mixes["patches"]["top"], mixes["patches"]["height"] = 2**31 - 1, 2**31 - 1
    assert not is_valid(mixes, *SIZES)


def test_nothing_is_right():
    assert is_valid(mix.plain([]), 0, 5, 5)
