"""What is drawn for Cutout and Random Erasing: places, sizes, coverage and noise keys."""

import numpy as np
import pytest

from fasttricks.kernels.mix.kinds import Cutout, RandomErasing
from tests.kernels.mix.draws import COUNT, HERE, apart, drawn, equally_often, mean_is, uniform


def expected_coverage(length, size):
    """[size]: how often a pixel of an axis lies in a hole whose centre is uniform over the axis."""
    centres, pixels = np.arange(size)[:, None], np.arange(size)
    reach = length // 2
    return ((centres - reach <= pixels) & (pixels < centres + reach)).mean(0)


def covered(patches, height, width):
    """bool [n, height, width]: where any of [n, k] patches lies."""
    y, x = np.arange(height)[:, None], np.arange(width)
    p = patches[..., None, None]
    down, across = y - p["top"], x - p["left"]
    inside = (down >= 0) & (down < p["height"]) & (across >= 0) & (across < p["width"])
    return inside.any(1)


@pytest.mark.parametrize("length", [4, 5, 14])
@pytest.mark.parametrize("holes", [1, 2, 4])
def test_cutout_covers_every_pixel_as_often_as_independent_holes_do(length, holes):
    count, height, width = 4096, 9, 12
    mixing = drawn(Cutout(length, holes), count, height=height, width=width)
    one = np.outer(expected_coverage(length, height), expected_coverage(length, width))
    share = 1 - (1 - one) ** holes
    found = covered(mixing.mixes["patches"][:, :holes], height, width).mean(0)
    assert (abs(found - share) <= 5 * np.sqrt(share * (1 - share) / count)).all()


def test_cutouts_holes_lie_apart():
    patches = drawn(Cutout(2, 4), height=100, width=100).mixes["patches"]
    apart(np.concatenate([patches["top"], patches["left"]], axis=1).T)


def test_erasing_is_uniform_in_area_aspect_and_place():
    """At these ranges every first try fits, so nothing is left out."""
    side, area, aspect = 4000, (0.05, 0.2), (0.4, 2.5)
    mix = RandomErasing(1.0, area=area, aspect=aspect)
    patch = drawn(mix, height=side, width=side).mixes["patches"][:, 0]
    height, width = patch["height"], patch["width"]
    least = side * np.sqrt(area[0] * aspect[0])  # of both sides, which are off by half a pixel
    uniform(height * width / side**2, *area, rounding=area[1] / least)
    uniform(height / width, *aspect, rounding=aspect[1] / least)
    top, left = patch["top"] / (side - height), patch["left"] / (side - width)
    most = side * np.sqrt(area[1] * aspect[1])
    for place in (top, left):
        uniform(place, rounding=1 / (side - most))
    apart(np.stack([height * width, height / width, top, left]))


def test_erasing_reaches_every_place_to_the_last():
    mix = RandomErasing(1.0, area=(0.1, 0.3), aspect=(0.5, 2.0))
    patch = drawn(mix, height=7, width=9).mixes["patches"][:, 0]
    equally_often(patch["top"], 7 - patch["height"])
    equally_often(patch["left"], 9 - patch["width"])


def test_a_rectangle_that_does_not_fit_is_drawn_again():
    """Of area 1/2, heights over widths between 1 and 4: those above 2 are as high as the picture.
    What is left is uniform between 1 and 2, and drawn for nearly all pictures in ten tries."""
    mix = RandomErasing(1.0, area=(0.5, 0.5), aspect=(1.0, 4.0), tries=10)
    mixing = drawn(mix, height=2000, width=2000)
    erased = mixing.mixes["count"] == 1
    mean_is(erased.astype(float), 1 - (2 / 3) ** 10)
    patch = mixing.mixes["patches"][erased, 0]
    uniform(patch["height"] / patch["width"], 1.0, 2.0, rounding=3 / 1000)


def test_noise_is_another_for_every_sample_view_epoch_and_seed():
    places = [HERE, HERE._replace(epoch=2), HERE._replace(seed=4), HERE._replace(first=10**6)]
    mixings = [drawn(RandomErasing(1.0), views=2, place=place) for place in places]
    keys = np.concatenate([mixing.mixes["key"] for mixing in mixings])
    assert len(keys) == 2 * len(places) * COUNT
    assert len(np.unique(keys, axis=0)) == len(keys)
