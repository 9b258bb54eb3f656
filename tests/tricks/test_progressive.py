"""Progressive resizing."""

import pickle

import pytest

from fasttricks.tricks.progressive import ProgressiveSize


def test_grows_in_equal_parts_or_where_told():
    size = ProgressiveSize(9)
    assert [size(epoch) for epoch in range(9)] == [160] * 3 + [192] * 3 + [224] * 3
    assert size(100) == 224
    late = ProgressiveSize(10, (128, 192), (0.0, 0.7))
    assert [late(epoch) for epoch in range(10)] == [128] * 7 + [192] * 3


def test_every_epoch_has_a_size_and_short_trainings_end_large():
    for epochs in range(1, 20):
        sizes = [ProgressiveSize(epochs)(epoch) for epoch in range(epochs)]
        assert sizes == sorted(sizes)
        assert sizes[-1] == 224 or epochs == 1
        assert {size % 32 for size in sizes} == {0}


def test_is_a_value_that_other_processes_can_be_given():
    size = ProgressiveSize(9)
    assert pickle.loads(pickle.dumps(size)) == size


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0,), "epochs"),
        ((9, (160, 200)), "multiples of 32"),
        ((9, (192, 160)), "rise"),
        ((9, ()), "rise"),
        ((9, (160, 192), (0.1, 0.5)), "from 0"),
        ((9, (160, 192), (0.0,)), "one per size"),
        ((9, (160, 192), (0.0, 1.5)), "at most 1"),
    ],
)
def test_what_is_wrong_is_said(arguments, words):
    with pytest.raises(ValueError, match=words):
        ProgressiveSize(*arguments)
    with pytest.raises(ValueError, match="count from 0"):
        ProgressiveSize(9)(-1)
