"""What ImageNet is, below, was counted in 500 of its files; bands are three standard errors."""

from collections import Counter

import numpy as np
import pytest

from fasttricks.data.imagenet_like import MAX_LONG, MAX_SHORT, draw_spec


@pytest.fixture(scope="module")
def specs():
    return [draw_spec(0, index) for index in range(5000)]


def test_pure_function_of_seed_and_index():
    assert draw_spec(3, 17) == draw_spec(3, 17)
    assert draw_spec(3, 17) != draw_spec(3, 18)
    assert draw_spec(3, 17) != draw_spec(4, 17)


def test_mean_size(specs):
    assert np.mean([s.width for s in specs]) == pytest.approx(465.6, abs=3 * 177 / 500**0.5)
    assert np.mean([s.height for s in specs]) == pytest.approx(400.4, abs=3 * 160 / 500**0.5)
    assert np.mean([s.width * s.height for s in specs]) == pytest.approx(201_322, rel=0.05)


def test_usual_sizes(specs):
    share = {
        size: n / len(specs) for size, n in Counter((s.width, s.height) for s in specs).items()
    }
    for size, real in {(500, 375): 0.222, (375, 500): 0.062, (500, 333): 0.102}.items():
        assert share[size] == pytest.approx(real, abs=3 * (real * (1 - real) / 500) ** 0.5)
    assert len(share) > 1000  # and many unusual ones


def test_tail(specs):
    longest = max(max(s.width, s.height) for s in specs)
    assert 2000 < longest <= MAX_LONG
    assert max(min(s.width, s.height) for s in specs) <= MAX_SHORT
    assert min(min(s.width, s.height) for s in specs) >= 16


@pytest.mark.parametrize(
    ("layout", "real"), [("4:4:4", 0.746), ("4:2:0", 0.218), ("4:2:2", 0.012), ("grey", 0.024)]
)
def test_layouts(specs, layout, real):
    share = np.mean([s.layout == layout for s in specs])
    assert share == pytest.approx(real, abs=3 * (real * (1 - real) / 500) ** 0.5)


def test_small_sets_are_representative(specs):
    """Any 200 in a row: mean pixels vary less than half as much as with independent draws."""
    pixels = np.array([s.width * s.height for s in specs], float)
    means = pixels.reshape(-1, 200).mean(axis=1)
    assert means.std() < 0.5 * pixels.std() / 200**0.5


@pytest.mark.parametrize("classes", [7, 10, 34, 100])
def test_classes_are_alike(specs, classes):
    """Dealing indices to classes in turn must not give one class all the large pictures."""
    boxed = np.array([max(s.width, s.height) == 500 for s in specs])
    shares = [boxed[first::classes].mean() for first in range(classes)]
    assert np.std(shares) < (0.69 * 0.31 / (len(specs) / classes)) ** 0.5  # as independent draws
