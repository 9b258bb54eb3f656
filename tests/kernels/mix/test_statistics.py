"""What is drawn for mixes has the distributions of papers and code (5 standard deviations)."""

from itertools import combinations
from math import gamma

import numpy as np
import pytest
import torch

from fasttricks import mix as mix_batch
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mixup, RandomErasing
from tests.kernels.mix.draws import COUNT, HERE, apart, drawn, equally_often, mean_is, uniform

GROUP = HERE.group
ALPHAS = [0.2, 1.0, 3.0]
LARGE = {"height": 10_000, "width": 20_000}
"""Sides whose rounding is nothing beside the tolerances; nothing of this size is made."""


def beta_moment(alpha, power):
    """E[x ** power] of Beta(alpha, alpha)."""
    return gamma(alpha + power) * gamma(2 * alpha) / gamma(alpha) / gamma(2 * alpha + power)


def beta_variance(alpha):
    return 1 / (4 * (2 * alpha + 1))


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("pairing", ["permutation", "halves", "two-batches"])
def test_mixups_share_is_beta(pairing, alpha):
    """TRICKS: Beta(0.2, 0.2) has the variance 0.25 / 1.4."""
    share = drawn(Mixup(alpha, pairing=pairing)).weights[:, 1].astype(float)
    mean_is(share, 1 / 2)
    mean_is((share - 1 / 2) ** 2, beta_variance(alpha))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_cutmixs_area_is_that_of_beta_around_a_uniform_centre(alpha):
    """A side s = sqrt(1 - lambda) has s - s^2 / 4 left on average after clipping on one axis, and
    both axes are alike: E[(s - s^2 / 4)^2] = E[x - x^1.5 / 2 + x^2 / 16] with x = 1 - lambda."""
    mixing = drawn(CutMix(alpha), **LARGE)
    first, half, second = (beta_moment(alpha, power) for power in (1, 1.5, 2))
    mean_is(mixing.weights[:, 1].astype(float), first - half / 2 + second / 16)
    patch = mixing.mixes["patches"][:, 0]
    for begin, length in (("top", "height"), ("left", "width")):
        side = beta_moment(alpha, 0.5) - beta_moment(alpha, 1) / 4
        mean_is(patch[length] / LARGE[length], side, rounding=2 / LARGE[length])
        mean_is((patch[begin] + patch[length] / 2) / LARGE[length], 1 / 2)


def test_cutmix_takes_the_same_place_of_the_partner_in_the_pictures_aspect():
    patch = drawn(CutMix(), **LARGE).mixes["patches"][:, 0]
    assert np.array_equal(patch["from_top"], patch["top"])
    assert np.array_equal(patch["from_left"], patch["left"])
    inside = (patch["top"] > 0) & (patch["top"] + patch["height"] < LARGE["height"])
    inside &= (patch["left"] > 0) & (patch["left"] + patch["width"] < LARGE["width"])
    assert inside.sum() > COUNT / 10
    sides = patch["height"] / LARGE["height"] - patch["width"] / LARGE["width"]
    assert abs(sides[inside]).max() < 4 / LARGE["height"]  # cut to whole, even numbers


@pytest.mark.parametrize("beta", [0.3, 1.0, 3.0])
def test_ricaps_meeting_point_is_beta_on_both_axes(beta):
    patch = drawn(RICAP(beta, per="sample"), **LARGE).mixes["patches"][:, 0]
    sides = np.stack([patch[name] / LARGE[name] for name in ("height", "width")])
    for side in sides:
        mean_is(side, 1 / 2)
        mean_is((side - 1 / 2) ** 2, beta_variance(beta))
    apart(sides)


def test_ricap_crops_every_quarter_anywhere_and_for_itself():
    patches = drawn(RICAP(1.0, per="sample"), height=5, width=7).mixes["patches"]
    for quarter in range(4):
        patch = patches[:, quarter]
        equally_often(patch["from_top"], 5 - patch["height"])
        equally_often(patch["from_left"], 7 - patch["width"])
    patches = drawn(RICAP(3.0, per="sample"), **LARGE).mixes["patches"]
    room = {name: LARGE[name] - patches[name] for name in LARGE}
    places = patches["from_top"] / room["height"], patches["from_left"] / room["width"]
    apart(np.concatenate(places, axis=1).T)


CHANGES = {
    "epoch": HERE._replace(epoch=HERE.epoch + 1),
    "seed": HERE._replace(seed=HERE.seed + 1),
    "batch": HERE._replace(first=HERE.first + COUNT),
}


def alike(left, right):
    """Two permutations inside groups, drawn apart, agree in one place of a group on average, and
    with a variance of one."""
    groups = len(left) / GROUP
    assert abs((left == right).sum() - groups) < 5 * np.sqrt(groups)


@pytest.mark.parametrize("mix", [Mixup(), CutMix(), RICAP(), RICAP(per="sample")], ids=str)
def test_partners_are_another_permutation_for_each_epoch_seed_view_and_group(mix):
    rows = drawn(mix, views=2).rows
    first = 0 if isinstance(mix, RICAP) else 1
    for column in range(first, rows.shape[1]):
        one, other = rows[:COUNT, column], rows[COUNT:, column] - COUNT
        assert (np.sort(one.reshape(-1, GROUP)) == np.arange(COUNT).reshape(-1, GROUP)).all()
        alike(one, other)
        alike(one[:-GROUP], one[GROUP:] - GROUP)
        alike(one, np.arange(COUNT))
        for changed in CHANGES.values():
            alike(one, drawn(mix, place=changed).rows[:, column])


def test_ricaps_quarters_are_of_four_permutations():
    rows = drawn(RICAP()).rows
    for one, other in combinations(range(4), 2):
        alike(rows[:, one], rows[:, other])


def test_mix_finds_partners_in_the_whole_batch():
    """Between eight parts of a batch of 64: each picture of a batch has one of 64 partners, so of
    the 8 of a part one is expected to find its partner in any part, with a variance below 1."""
    images, labels, steps = torch.zeros(64, 1, 1, 1), torch.zeros(64).long(), 100
    table = np.zeros((8, 8))
    for seed in range(steps):
        generator = torch.Generator().manual_seed(seed)
        _, targets = mix_batch(images, labels, Mixup(), generator)
        own, partner = targets.indices.T.numpy() // 8
        np.add.at(table, (own, partner), 1)
    assert abs(table - steps).max() < 5 * np.sqrt(steps)


@pytest.mark.parametrize(
    "mixes",
    [(Cutout(8), Cutout(8)), (CutMix(), Cutout(8)), (RandomErasing(1.0), RandomErasing(1.0))],
    ids=str,
)
def test_the_second_of_several_draws_numbers_of_its_own(mixes):
    patches = drawn(mixes, height=224, width=224).mixes["patches"][:, :2]
    middles = [
        patches[begin] + patches[length] / 2
        for begin, length in (("top", "height"), ("left", "width"))
    ]
    apart(np.concatenate(middles, axis=1).T)


def test_ricaps_pictures_show_pixels_of_their_sources_also_where_quarters_are_empty():
    images = torch.arange(8 * 12, dtype=torch.float32).reshape(8, 1, 3, 4)
    empty = full = 0
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        out, targets = mix_batch(images, torch.arange(8), RICAP(0.3), generator)
        number, pixel = out.long() // 12, out.long() % 12
        assert torch.equal(out, images.reshape(8, 12)[number, pixel])
        for picture, sources, weights in zip(number, targets.indices, targets.weights, strict=True):
            told = torch.zeros(8).index_add_(0, sources, weights)
            shown = torch.bincount(picture.flatten(), minlength=8) / 12
            torch.testing.assert_close(told, shown)
        empty += int((targets.weights[0] == 0).any())
        full += int((targets.weights[0] == 1).any())
    assert empty > full > 0


def test_the_checks_reject_what_is_wrong():
    """The checks see a bias of 3 %, a bent distribution, a weak correlation, a place left out."""
    numbers = np.random.default_rng(0).random((2, COUNT))
    mean_is(numbers[0], 1 / 2)
    uniform(numbers[0])
    apart(numbers)
    for wrong in (
        lambda: mean_is(numbers[0] * 1.03, 1 / 2),
        lambda: uniform(numbers[0] ** 1.1),
        lambda: apart(np.stack([numbers[0], numbers[1] + 0.05 * numbers[0]])),
        lambda: equally_often((numbers[0] * 3).astype(int), np.full(COUNT, 3)),
    ):
        with pytest.raises(AssertionError):
            wrong()
