"""Random numbers for mixing: distributions, and independence of what must not matter."""

import numpy as np
import pytest

from fasttricks.kernels.draws import betas, blocks, permutations
from fasttricks.kernels.philox import philox

COUNT = 100_000


def draw(alpha, which=0, stream=40, seed=7, view=0):
    positions = np.arange(COUNT)
    return betas(alpha, positions, np.full(COUNT, view), which, 3, stream, seed)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 5.0])
def test_betas_have_the_moments_of_beta(alpha):
    drawn = draw(alpha)
    variance = 1 / (4 * (2 * alpha + 1))
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    # The mean of n values is off by its own standard deviation, sqrt(variance / n); five of them.
    assert abs(drawn.mean() - 0.5) < 5 * np.sqrt(variance / COUNT)
    # The variance of (x - 1/2)^2 is below 1/16, as it lies in [0, 1/4].
    assert abs(((drawn - 0.5) ** 2).mean() - variance) < 5 * np.sqrt(1 / 16 / COUNT)


def test_beta_of_one_is_uniform():
    counts, _ = np.histogram(draw(1.0), bins=20, range=(0, 1))
    expected = COUNT / 20
    assert ((counts - expected) ** 2 / expected).sum() < 55  # chi-square with 19 degrees: p < 3e-5


def test_betas_differ_by_everything_that_they_are_drawn_for():
    first = draw(1.0)
    for other in (draw(1.0, which=1), draw(1.0, seed=8), draw(1.0, view=1), draw(1.0, stream=60)):
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(COUNT)
    assert np.array_equal(first, draw(1.0))


def test_blocks_are_philox_blocks():
    positions, views = np.array([5, 2**32 - 1]), np.array([1, 0])
    found = blocks(positions, views, 2, 9, 46, 123)
    for row, position, view in zip(found, positions, views, strict=True):
        assert tuple(row) == philox(position, view + 2 * 65536, 9, 46, np.uint64(123))


def permutation(first, count, group, epoch=1, seed=3):
    (drawn,) = permutations(np.array([first]), np.array([0]), count, group, epoch, 42, seed)
    return drawn


@pytest.mark.parametrize(("count", "group"), [(64, 32), (37, 8), (5, 32), (1, 1)])
def test_permutations_stay_inside_groups_of_positions(count, group):
    drawn = permutation(640, count, group)
    for begin in range(0, count, group):
        end = min(begin + group, count)
        assert sorted(drawn[begin:end]) == list(range(begin, end))
    # A batch that begins at a later group has the same partners there.
    if count > group:
        later = permutation(640 + group, count - group, group)
        assert np.array_equal(later + group, drawn[group:])


def test_every_partner_is_equally_likely():
    drawn = permutation(0, 60_000, 6, epoch=0, seed=11).reshape(-1, 6) % 6
    for place in range(6):
        counts = np.bincount(drawn[:, place], minlength=6)
        expected = len(drawn) / 6
        assert ((counts - expected) ** 2 / expected).sum() < 33  # 5 degrees: p < 4e-6


def test_permutations_are_each_their_own():
    firsts, views = np.array([640, 0, 640, 640]), np.array([0, 0, 1, 0])
    drawn = permutations(firsts, views, 37, 8, 1, 42, 3)
    assert np.array_equal(drawn[0], permutation(640, 37, 8))
    assert np.array_equal(drawn[1], permutation(0, 37, 8))
    assert np.array_equal(drawn[3], drawn[0])
    assert len(np.unique(drawn[:3], axis=0)) == 3
