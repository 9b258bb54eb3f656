"""What is drawn for each kind of mix: geometry, shares, statistics, and what it depends on."""

import zlib

import numpy as np
import pytest

from fasttricks.kernels.mix.description import CONSTANT, check
from fasttricks.kernels.mix.kinds import (
    RICAP,
    CutMix,
    Cutout,
    Mixup,
    OneOf,
    RandomErasing,
    as_mixes,
)
from fasttricks.kernels.mix.plan import Place, plan_mix, plan_mixes

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
    OneOf(Mixup(), CutMix()),
    OneOf(Mixup(pairing="halves"), RICAP(per="sample"), probability=0.8),
    (OneOf(CutMix(), probability=0.5, per="batch"), RandomErasing()),
]
FROZEN = [
    (0xACD66EFC, 56.927849),
    (0xACD66EFC, 72.920630),
    (0x6276953E, 29.933677),
    (0x0FEE1883, 56.927849),
    (0x49119B39, 74.750936),
    (0x355984B8, 74.307273),
    (0x49DD4483, 184.147620),
    (0xCE421F3E, 183.019898),
    (0x5BBA5633, 147.313440),
    (0x00236F4E, 84.496102),
    (0xC243BA76, 116.363549),
    (0x10475E90, 65.300877),
    (0x8320DA1B, 119.190435),
    (0x9D5173C4, 112.328348),
]
"""What `digest` makes of ALL, as long as PLAN_VERSION is 1."""


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


def digest(mixing):
    """CRC-32 of what is a whole number, and a weighted sum of what is not: the last bits of that
    are up to the logarithms and exponentials of this machine."""
    mixes, patches = mixing.mixes, mixing.mixes["patches"]
    whole = [mixes[name] for name in ("own", "count", "key", "counter")]
    boxes = ("top", "left", "height", "width", "source", "from_top", "from_left")
    whole += [patches[name] for name in boxes] + [mixing.rows]
    real = [patches[name] for name in ("weight", "value", "noise")] + [mixing.weights]
    numbers = np.concatenate([one.ravel().astype(float) for one in real])
    weights = np.arange(len(numbers)) * (np.sqrt(5) - 1) / 2 % 1
    return zlib.crc32(b"".join(one.tobytes() for one in whole)), float(numbers @ weights)


@pytest.mark.parametrize(("mix", "frozen"), list(zip(ALL, FROZEN, strict=True)), ids=str)
def test_plans_stay_what_they_are(mix, frozen):
    """Somebody who resumes a run, or compares two, has to get the same pictures."""
    found = digest(drawn(mix, 37, 2, 223, 231))
    assert found[0] == frozen[0]
    # At most 592 numbers of float32, of sizes below 5, of which each may be off by half an ulp.
    assert found[1] == pytest.approx(frozen[1], abs=592 * 2.0**-22)
    moved = digest(drawn(mix, 37, 2, 223, 231, HERE._replace(first=641)))
    assert moved != found


def test_a_frozen_plan_in_words():
    here = HERE._replace(group=8)
    mixup, cutmix = drawn(Mixup(), 8, place=here), drawn(CutMix(), 8, place=here)
    assert mixup.rows[:4].tolist() == cutmix.rows[:4].tolist() == [[0, 2], [1, 7], [2, 6], [3, 4]]
    assert mixup.weights[1:4, 1] == pytest.approx([0.996487, 0.242298, 0.013968], abs=1e-6)
    boxes = cutmix.mixes["patches"][["top", "left", "height", "width"]][:3, 0]
    assert boxes.tolist() == [(12, 8, 2, 4), (3, 7, 20, 24), (0, 14, 7, 17)]


@pytest.mark.parametrize("mix", ALL, ids=str)
@pytest.mark.parametrize(("count", "views"), [(64, 1), (37, 2)])
def test_steps_drawn_together_are_those_drawn_one_by_one(mix, count, views):
    places = [HERE._replace(first=first, batch=first // 512 * 512) for first in (640, 0, 96, 4096)]
    together = plan_mixes(as_mixes(mix), places, count, views, 23, 31)
    for place, found in zip(places, together, strict=True):
        for part, alone in zip(found, drawn(mix, count, views, place=place), strict=True):
            assert part.dtype == alone.dtype
            assert np.array_equal(part, alone)


def test_steps_of_two_epochs_are_not_drawn_together():
    for places in ([HERE, HERE._replace(epoch=2)], []):
        with pytest.raises(ValueError, match="places must be of one seed, epoch and group"):
            plan_mixes((Mixup(),), places, 8, 1, 23, 31)


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
    "mix", [mix for mix in ALL if isinstance(mix, Mixup | CutMix | RICAP | OneOf)], ids=str
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


def test_halves_are_redrawn_also_per_batch():
    mix = Mixup(1.0, per="batch", pairing="halves")
    shares = drawn(mix, 69).weights[:, 1]  # groups of 32, 32 and 5
    first, second = np.arange(69) % 32 < 16, np.arange(69) % 32 >= 16
    first[64:], second[64:] = [True, True, False, False, False], [False, False, False, True, True]
    assert len(np.unique(shares[first])) == len(np.unique(shares[second])) == 1
    assert shares[0] != shares[-1]
    other_rank = drawn(mix, 69, place=HERE._replace(first=544)).weights[:, 1]
    assert np.array_equal(shares, other_rank)
    assert shares[0] == drawn(Mixup(1.0, per="batch"), 69).weights[0, 1]


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


@pytest.mark.parametrize(
    "mix",
    [
        Mixup(),
        CutMix(),
        RICAP(per="sample"),
        OneOf(Mixup(), CutMix(), RICAP(per="sample"), probability=0.7),
        OneOf(Mixup(pairing="halves"), probability=0.5),
    ],
    ids=str,
)
def test_on_average_every_picture_is_shown_as_often(mix):
    total = np.zeros(32)
    for first in range(0, 32 * 400, 32):
        mixing = drawn(mix, 32, place=HERE._replace(first=first, batch=first))
        np.add.at(total, mixing.rows.ravel(), mixing.weights.ravel())
    # A share has a variance of at most 1/4 and k of them, correlated within an output at worst,
    # meet a picture in a batch: 400 batches give a standard deviation below sqrt(400 * 16 / 4).
    assert abs(total - 400).max() < 5 * np.sqrt(400 * 4)
    assert total.sum() == pytest.approx(400 * 32, rel=1e-5)


def test_ricap_joins_four_pictures_without_gap_or_overlap():
    mixing = drawn(RICAP(per="sample"), 32)
    for one in mixing.mixes:
        cover = np.zeros((23, 31), int)
        for patch in one["patches"]:
            rows = slice(patch["top"], patch["top"] + patch["height"])
            cover[rows, patch["left"] : patch["left"] + patch["width"]] += 1
        assert (cover == 1).all()


@pytest.mark.parametrize("length", [2, 4, 7])
def test_cutout_holes_are_clipped_squares_around_any_pixel(length):
    mixing = drawn(Cutout(length), 8192)
    patch = mixing.mixes["patches"][:, 0]
    side = length // 2 * 2
    assert patch["height"].max() == patch["width"].max() == side
    centre = patch["top"] + length // 2
    full = patch["height"] == side
    assert set(centre[full]) <= set(range(23))
    # A clipped hole at the upper rim has its centre above length // 2.
    assert (patch["height"] >= length // 2).all()
    rows = np.bincount(patch["top"][patch["top"] > 0], minlength=23)
    assert rows[1 : 23 - length // 2].min() > 0
