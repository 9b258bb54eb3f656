"""The random numbers of outputs: each output's own, whatever is drawn beside it; distributions."""

import numpy as np
import pytest

from fasttricks.kernels.mix.draw import Draw, Place, betas, blocks, permutations
from fasttricks.kernels.philox import philox

PLACES = [Place(5, 2, first, first // 64 * 64, group=8) for first in (0, 64, 200)]


def numbers(draw):
    """Everything that it gives, [B, ...] each."""
    return [
        draw.own,
        draw.view,
        draw.share(0.4, "sample"),
        draw.share(0.4, "batch", which=1),
        draw.uniform(3),
        draw.uniform(3, "batch"),
        draw.choice((1, 2), 0.7, "sample"),
        draw.choice((1, 2), 0.7, "batch"),
        draw.noise_keys(),
        draw.partners(),
        draw.partners(2),
    ]


@pytest.mark.parametrize("views", [1, 3])
def test_some_outputs_get_what_they_get_among_all(views):
    draw = Draw(PLACES, 20, views, 1, 9, 9)
    some = np.flatnonzero(np.arange(len(draw.own)) % 3 == 1)
    for all_, part in zip(numbers(draw), numbers(draw.only(some)), strict=True):
        assert len(all_) == 3 * views * 20
        assert np.array_equal(part, all_[some])
    for none in numbers(draw.only(some[:0])):
        assert len(none) == 0


@pytest.mark.parametrize("views", [1, 3])
def test_several_batches_are_drawn_as_each_alone(views):
    together = numbers(Draw(PLACES, 20, views, 1, 9, 9))
    alone = [numbers(Draw([place], 20, views, 1, 9, 9)) for place in PLACES]
    for all_, *parts in zip(together, *alone, strict=True):
        assert np.array_equal(all_, np.concatenate(parts))


def test_streams_do_not_meet():
    """Numbers that are drawn for different things are not the same ones."""
    draw = Draw(PLACES, 20, 1, 1, 9, 9)
    uniforms = [
        draw.uniform(0),
        draw.uniform(1),
        draw.uniform(0, stream=39),
        draw.uniform(0, "batch"),
    ]
    flat = np.stack([one.ravel() for one in uniforms])
    assert (abs(np.corrcoef(flat) - np.eye(4)) < 5 / np.sqrt(flat.shape[1])).all()


@pytest.mark.parametrize("weights", [(0, 1, 0), (3, 0, 1), (1e-300, 1), (0.1,) * 10])
def test_what_weighs_nothing_is_never_chosen(weights):
    draw = Draw([Place(1, 0, 0, 0)], 5000, 1, 1, 9, 9)
    found = draw.choice(weights, 1.0, "sample")
    counts = np.bincount(found, minlength=len(weights))
    share = np.array(weights) / sum(weights)
    assert len(counts) == len(weights)
    assert (counts[np.array(weights) == 0] == 0).all()
    assert (abs(counts / 5000 - share) <= 5 * np.sqrt(share * (1 - share) / 5000)).all()


# ------------------------------------------------------------------------------------ the numbers

COUNT = 100_000


def beta_values(alpha, which=0, stream=40, seed=7, view=0):
    positions = np.arange(COUNT)
    return betas(alpha, positions, np.full(COUNT, view), which, 3, stream, np.uint64(seed))


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 5.0])
def test_betas_have_the_moments_of_beta(alpha):
    drawn = beta_values(alpha)
    variance = 1 / (4 * (2 * alpha + 1))
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    # The mean of n values is off by its own standard deviation, sqrt(variance / n); five of them.
    assert abs(drawn.mean() - 0.5) < 5 * np.sqrt(variance / COUNT)
    # The variance of (x - 1/2)^2 is below 1/16, as it lies in [0, 1/4].
    assert abs(((drawn - 0.5) ** 2).mean() - variance) < 5 * np.sqrt(1 / 16 / COUNT)


def test_beta_of_one_is_uniform():
    counts, _ = np.histogram(beta_values(1.0), bins=20, range=(0, 1))
    expected = COUNT / 20
    assert ((counts - expected) ** 2 / expected).sum() < 55  # chi-square with 19 degrees: p < 3e-5


def test_betas_differ_by_everything_that_they_are_drawn_for():
    first = beta_values(1.0)
    for other in (
        beta_values(1.0, which=1),
        beta_values(1.0, seed=8),
        beta_values(1.0, view=1),
        beta_values(1.0, stream=60),
    ):
        assert abs(np.corrcoef(first, other)[0, 1]) < 5 / np.sqrt(COUNT)
    assert np.array_equal(first, beta_values(1.0))


def test_blocks_are_philox_blocks():
    positions, views = np.array([5, 2**32 - 1]), np.array([1, 0])
    found = blocks(positions, views, 2, 9, 46, np.uint64(123))
    for row, position, view in zip(found, positions, views, strict=True):
        assert tuple(row) == philox(position, view + 2 * 65536, 9, 46, np.uint64(123))


def permutation(first, count, group, epoch=1, seed=3):
    (drawn,) = permutations(
        np.array([first]), np.array([0]), count, group, epoch, 42, np.uint64(seed)
    )
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
