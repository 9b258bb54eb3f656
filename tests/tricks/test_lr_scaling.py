"""Linear scaling."""

from fasttricks.tricks.lr_scaling import scaled_lr


def test_follows_the_batch():
    assert scaled_lr(0.1, 256) == 0.1
    assert scaled_lr(0.1, 1024) == 0.4
    assert scaled_lr(0.1, 64) == 0.025
