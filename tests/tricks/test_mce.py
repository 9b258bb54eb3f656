"""Mean corruption error."""

import random

import pytest

from fasttricks.tricks.mce import ALEXNET, mce


def test_alexnet_is_100():
    assert len(ALEXNET) == 19
    assert mce(ALEXNET) == pytest.approx(100, rel=1e-15)
    assert mce(ALEXNET, 19) == pytest.approx(100, rel=1e-15)


@pytest.mark.parametrize("corruptions", [15, 19])
def test_is_linear_in_each_error(corruptions):
    generator = random.Random(0)
    errors = {name: generator.random() / 2 for name in ALEXNET}
    before = mce(errors, corruptions)
    assert mce({k: 2 * v for k, v in errors.items()}, corruptions) == pytest.approx(2 * before)
    for number, name in enumerate(ALEXNET):
        more = mce(errors | {name: errors[name] + 0.1}, corruptions) - before
        expected = 10 / ALEXNET[name] / corruptions if number < corruptions else 0
        assert more == pytest.approx(expected, abs=1e-9)


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="saturate"):
        mce({k: v for k, v in ALEXNET.items() if k != "saturate"}, 19)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        mce(ALEXNET | {"fog": 81.9})
    with pytest.raises(ValueError, match="15 or 19"):
        mce(ALEXNET, 16)
