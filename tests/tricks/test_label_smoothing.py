"""The two forms of label smoothing; their loss is in test_soft_targets."""

import pytest
import torch

from fasttricks.tricks.label_smoothing import uniform_share
from tests.tricks.smoothing import smooth


def test_the_forms_by_definition():
    targets = torch.tensor([3, 0])
    for form, true, other in [
        ("paper", 0.9, 0.1 / 999),
        ("uniform", 0.9001, 0.0001),
    ]:
        rows = smooth(targets, 1000, 0.1, form)
        assert rows[0, 3].item() == pytest.approx(true, rel=1e-6)
        assert rows[1, 1].item() == pytest.approx(other, rel=1e-5)
        torch.testing.assert_close(rows.sum(1), torch.ones(2))


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_the_paper_writes_what_code_does_with_a_larger_epsilon(classes):
    larger = uniform_share(0.1, classes, "paper")
    assert larger == pytest.approx(0.1 * classes / (classes - 1), rel=1e-15)
    targets = torch.arange(2)
    torch.testing.assert_close(
        smooth(targets, classes, 0.1, "paper"), smooth(targets, classes, larger, "uniform")
    )
    assert uniform_share(0.1, 10, "paper") == pytest.approx(0.1111, abs=1e-4)


@pytest.mark.parametrize(
    ("smoothing", "classes", "form", "told"),
    [
        (0.1, 10, "mine", "smoothing form must be one of uniform, paper; got 'mine'"),
        (1.0, 10, "uniform", r"smoothing must lie in \[0, 1\); got 1.0"),
        (-0.1, 10, "paper", r"smoothing must lie in \[0, 1\); got -0.1"),
        (0.1, 1, "paper", "needs more than 1 classes"),
        (0.6, 2, "paper", "smoothing 0.6 in the paper's form needs more than 2 classes"),
    ],
)
def test_what_is_no_smoothing_is_refused(smoothing, classes, form, told):
    with pytest.raises(ValueError, match=told):
        uniform_share(smoothing, classes, form)


def test_up_to_where_all_classes_have_the_same():
    assert uniform_share(0.5, 2, "paper") == 1.0
    assert uniform_share(0.0, 1, "paper") == 0.0


def test_smoothing_a_mixture_is_mixing_the_smoothed():
    one_hot = torch.nn.functional.one_hot(torch.tensor([1, 4]), 6).double()
    mixed = 0.3 * smooth(one_hot[:1], 6) + 0.7 * smooth(one_hot[1:], 6)
    torch.testing.assert_close(smooth(0.3 * one_hot[:1] + 0.7 * one_hot[1:], 6), mixed)
    assert mixed.dtype == torch.float64
