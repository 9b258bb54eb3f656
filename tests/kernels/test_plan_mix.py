"""What is drawn for each kind of mix: geometry, shares, statistics, and what it depends on."""

import numpy as np
import pytest

from fasttricks.kernels.mix import CONSTANT, check
from fasttricks.kernels.mixes import RICAP, CutMix, Cutout, Mixup, RandomErasing, as_mixes
from fasttricks.kernels.plan_mix import Place, plan_mix

HERE = Place(seed=3, epoch=1, first=640, batch=512)
ALL = [
    Mixup(),
    Mixup(per="batch"),
    Mixup(pairing="two-batches"),
    Mixup(pairing="halves"),
    CutMix(),
    CutMix(per="batch"),
    RICAP(),
    RICAP(per="sample"),
    Cutout(9, holes=3),
    RandomErasing(),
    (Mixup(), RandomErasing(fill="channel"), Cutout(8)),
]


def drawn(mix, count=64, views=1, height=23, width=31, place=HERE):
    return plan_mix(as_mixes(mix), place, count, views, height, width)


def seen(mixing, height, width):
    """float64 [B, rows in, height, width]: how much of each input row a pixel shows."""
    mixes, sources = mixing.mixes, int(mixing.rows.max()) + 1
    shares = np.zeros((len(mixes), sources, height, width))
    for out, one in zip(shares, mixes, strict=True):
        out[one["own"]] = 1
        for patch in one["patches"][: one["count"]]:
            rows = slice(patch["top"], patch["top"] + patch["height"])
            columns = slice(patch["left"], patch["left"] + patch["width"])
            out[:, rows, columns] = 0
            out[one["own"], rows, columns] += 1 - patch["weight"]
            if patch["source"] != CONSTANT:
                out[patch["source"], rows, columns] += patch["weight"]
    return shares


@pytest.mark.parametrize("mix", ALL, ids=str)
@pytest.mark.parametrize(("count", "views"), [(64, 1), (37, 2), (1, 1)])
def test_every_description_is_allowed_and_weights_sum_to_one(mix, count, views):
    mixing = drawn(mix, count, views)
    check(mixing.mixes, count * views, 23, 31)
    assert len(mixing.mixes) == len(mixing.rows) == len(mixing.weights)
    np.testing.assert_allclose(mixing.weights.sum(1), 1, rtol=1e-6)
    assert (
        mixing.rows // count == np.repeat(np.arange(views), len(mixing.rows) // views)[:, None]
    ).all()


@pytest.mark.parametrize(
    "mix", [mix for mix in ALL if isinstance(mix, Mixup | CutMix | RICAP)], ids=str
)
def test_targets_have_the_shares_of_the_pixels(mix):
    mixing = drawn(mix)
    pixels = seen(mixing, 23, 31).mean(axis=(2, 3))
    told = np.zeros_like(pixels)
    for column in range(mixing.rows.shape[1]):
        np.add.at(told, (np.arange(len(told)), mixing.rows[:, column]), mixing.weights[:, column])
    np.testing.assert_allclose(told, pixels, atol=1e-6)


@pytest.mark.parametrize("mix", ALL, ids=str)
def test_nothing_depends_on_how_the_order_is_cut_into_batches(mix):
    whole = drawn(mix, 128)
    first = drawn(mix, 64)
    second = drawn(mix, 64, place=HERE._replace(first=704))
    both = np.concatenate([first.mixes, second.mixes])
    half = len(first.mixes)
    for field in ("own",):
        both[field][half:] += 64
    shown = both["patches"]["source"] != CONSTANT
    meant = np.arange(4) < both["count"][:, None]
    moved = shown & meant
    moved[:half] = False
    both["patches"]["source"][moved] += 64
    assert np.array_equal(both, whole.mixes)
    assert np.array_equal(np.concatenate([first.rows, second.rows + 64]), whole.rows)


@pytest.mark.parametrize("mix", [Mixup(per="batch"), CutMix(per="batch"), RICAP()], ids=str)
def test_per_batch_is_one_draw_that_all_ranks_share(mix):
    here, there = drawn(mix), drawn(mix, place=HERE._replace(first=544))
    fields = ("top", "left", "height", "width", "weight", "from_top", "from_left")
    used = here.mixes["count"][0]
    for field in fields:
        values = here.mixes["patches"][field][:, :used]
        assert (values == values[0]).all()
        assert (there.mixes["patches"][field][:, :used] == values[0]).all()
    later = drawn(mix, place=HERE._replace(batch=1024))
    assert not np.array_equal(later.weights, here.weights)


@pytest.mark.parametrize("mix", ALL, ids=str)
def test_seed_epoch_and_view_each_change_it(mix):
    base = drawn(mix, views=2, height=224, width=224)
    half = len(base.mixes) // 2
    boxes = base.mixes["patches"][["top", "left", "height", "width", "weight"]]
    others = [
        drawn(mix, views=2, height=224, width=224, place=HERE._replace(**change))
        for change in ({"seed": 4}, {"epoch": 2})
    ]
    for other in others:
        assert not np.array_equal(other.mixes["patches"], base.mixes["patches"])
    assert not np.array_equal(boxes[:half], boxes[half:])


def test_mixup_pairs_as_it_says():
    count = 64
    two = drawn(Mixup(pairing="two-batches"), count)
    assert np.array_equal(two.rows, np.arange(count).reshape(-1, 2))
    halves = drawn(Mixup(pairing="halves"), count).rows.reshape(2, 32, 2)
    assert np.array_equal(halves[0, :16], np.stack([np.arange(16), np.arange(16, 32)], 1))
    assert np.array_equal(halves[0, 16:], np.stack([np.arange(16), np.arange(31, 15, -1)], 1))
    odd = drawn(Mixup(pairing="halves"), 5).rows
    assert odd.tolist() == [[0, 3], [1, 4], [2, 2], [0, 4], [1, 3]]
    alone = drawn(Mixup(pairing="two-batches"), 5).rows
    assert alone.tolist() == [[0, 1], [2, 3], [4, 4]]


@pytest.mark.parametrize("mix", [Mixup(), CutMix(), RICAP(per="sample")], ids=str)
def test_on_average_every_picture_is_shown_as_often(mix):
    total = np.zeros(32)
    for first in range(0, 32 * 400, 32):
        mixing = drawn(mix, 32, place=HERE._replace(first=first, batch=first))
        np.add.at(total, mixing.rows.ravel(), mixing.weights.ravel())
    # A share has a variance of at most 1/4 and k of them, correlated within an output at worst,
    # meet a picture in a batch: 400 batches give a standard deviation below sqrt(400 * 16 / 4).
    assert abs(total - 400).max() < 5 * np.sqrt(400 * 4)
    assert total.sum() == pytest.approx(400 * 32, rel=1e-5)


def test_cutmix_has_the_area_of_lambda_where_nothing_is_clipped():
    mixing = drawn(CutMix(), 4096, height=224, width=224, place=HERE._replace(group=64))
    patch = mixing.mixes["patches"][:, 0]
    inside = (patch["top"] > 0) & (patch["left"] > 0)
    inside &= (patch["top"] + patch["height"] < 224) & (patch["left"] + patch["width"] < 224)
    assert (patch["height"][inside] == patch["width"][inside]).all()
    # lambda is uniform for alpha 1 and centres are: E[area share] = E[(1 - l) * in-picture part].
    assert 0.2 < mixing.weights[:, 1].mean() < 0.5
    assert mixing.weights[:, 1].max() <= 1


def test_ricap_joins_four_pictures_without_gap_or_overlap():
    mixing = drawn(RICAP(per="sample"), 32)
    for one in mixing.mixes:
        cover = np.zeros((23, 31), int)
        for patch in one["patches"]:
            rows = slice(patch["top"], patch["top"] + patch["height"])
            cover[rows, patch["left"] : patch["left"] + patch["width"]] += 1
        assert (cover == 1).all()


@pytest.mark.parametrize("length", [1, 4, 7])
def test_cutout_holes_are_clipped_squares_around_any_pixel(length):
    mixing = drawn(Cutout(length), 8192)
    patch = mixing.mixes["patches"][:, 0]
    side = length // 2 * 2
    assert patch["height"].max(initial=0) == patch["width"].max(initial=0) == side
    if side:
        centre = patch["top"] + length // 2
        full = patch["height"] == side
        assert set(centre[full]) <= set(range(23))
        # A clipped hole at the upper rim has its centre above length // 2.
        assert (patch["height"] >= length // 2).all()
        rows = np.bincount(patch["top"][patch["top"] > 0], minlength=23)
        assert rows[1 : 23 - length // 2].min() > 0


def test_erasing_keeps_its_ranges_and_rate():
    mix = RandomErasing(0.3, area=(0.1, 0.2), aspect=(0.5, 2.0))
    mixing = drawn(mix, 20_000, height=224, width=224)
    erased = mixing.mixes["count"] == 1
    assert abs(erased.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 20_000)
    patch = mixing.mixes["patches"][erased, 0]
    area = patch["height"] * patch["width"] / 224**2
    aspect = patch["height"] / patch["width"]
    assert area.min() > 0.1 - 0.01  # sides are rounded: half a pixel of at least 50 each
    assert area.max() < 0.2 + 0.01
    assert aspect.min() > 0.5 * 0.97
    assert aspect.max() < 2.0 * 1.03
    assert area.mean() == pytest.approx(0.15, abs=0.003)
    assert (patch["source"] == CONSTANT).all()
    assert (patch["noise"] == 1).all()
    keys = mixing.mixes["key"][erased]
    assert len(np.unique(keys, axis=0)) == len(keys)


def test_fills():
    constant = drawn(RandomErasing(1.0, fill="constant", value=2.5)).mixes["patches"][:, 0]
    assert (constant["value"] == 2.5).all()
    assert (constant["noise"] == 0).all()
    channel = drawn(RandomErasing(1.0, fill="channel"), 4096).mixes["patches"][:, 0]["value"]
    assert abs(channel.mean(0)).max() < 5 / np.sqrt(4096)
    assert abs(channel.std(0) - 1).max() < 5 / np.sqrt(2 * 4096)
    assert abs(np.corrcoef(channel.T) - np.eye(3)).max() < 5 / np.sqrt(4096)


def test_erasing_comes_on_top_of_mixing():
    mixing = drawn((Mixup(), RandomErasing(1.0)))
    assert (mixing.mixes["count"] == 2).all()
    assert (mixing.mixes["patches"]["source"][:, 1] == CONSTANT).all()
    assert np.array_equal(mixing.rows, drawn(Mixup()).rows)


def test_probability_zero_erases_nothing():
    assert drawn(RandomErasing(0.0)).mixes["count"].max() == 0
