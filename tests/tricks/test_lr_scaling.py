"""Linear scaling."""

import pytest

from fasttricks.tricks.lr_scaling import scaled_lr


def test_follows_the_batch():
    assert scaled_lr(0.1, 256) == 0.1
    assert scaled_lr(0.1, 1024) == 0.4
    assert scaled_lr(0.1, 64) == 0.025
    assert scaled_lr(0.3, 96, base=32) == pytest.approx(0.9, rel=1e-15)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((0.1, 0), "batch_size"), ((0.0, 256), "lr"), ((float("nan"), 256), "lr")],
)
def test_what_is_wrong_is_said(arguments, words):
    with pytest.raises(ValueError, match=words):
        scaled_lr(*arguments)
