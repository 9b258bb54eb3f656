"""Which of several mixes a picture gets by chance, and that it gets exactly that."""

import numpy as np
import pytest

from fasttricks.kernels.mix.draw import CHOICE
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Mixup, OneOf
from fasttricks.kernels.plan_reference import philox
from tests.kernels.mix.test_plan import HERE, drawn


def chosen(mix, count, views=1, place=HERE):
    """By definition, one output after the other: which member each gets, -1 for none."""
    found = []
    for row in range(count * views):
        view, number = divmod(row, count)
        position = place.batch if mix.per == "batch" else place.first + number
        u = [word / 2**32 for word in philox((position, view, place.epoch, CHOICE), place.seed)]
        left, which = u[1] * sum(mix.weights), 0
        while left >= mix.weights[which]:
            left, which = left - mix.weights[which], which + 1
        found.append(which if u[0] < mix.probability else -1)
    return np.array(found)


@pytest.mark.parametrize("per", ["sample", "batch"])
@pytest.mark.parametrize("weights", [None, (1, 0.5, 3), (0, 1, 0)], ids=str)
@pytest.mark.parametrize(("count", "views"), [(64, 1), (37, 2)])
def test_one_of_gives_what_the_chosen_mix_gives(per, weights, count, views):
    members = CutMix(), RICAP(per="sample"), Mixup(pairing="halves")
    mix = OneOf(*members, weights=weights, probability=0.8, per=per)
    mixing, which = drawn(mix, count, views), chosen(mix, count, views)
    alone = [drawn(member, count, views) for member in members]
    for row, number in enumerate(which):
        rows, weights = [row] * 4, [1, 0, 0, 0]
        if number < 0:
            assert mixing.mixes[row]["own"] == row
            assert mixing.mixes[row]["count"] == 0
        else:
            assert mixing.mixes[row] == alone[number].mixes[row]
            shares = alone[number].rows.shape[1]
            rows[:shares], weights[:shares] = alone[number].rows[row], alone[number].weights[row]
        assert mixing.rows[row].tolist() == rows
        assert mixing.weights[row].tolist() == weights
    other = chosen(mix, count, views, HERE._replace(first=641, batch=513))
    assert per == "batch" or not np.array_equal(which, other)  # a wrong counter would be seen


def test_each_is_chosen_as_often_as_its_weight_says():
    mix = OneOf(Mixup(0.2), CutMix(), RICAP(), weights=(1, 2, 5), probability=0.6)
    count = 20_000
    mixing = drawn(mix, count)
    patch = mixing.mixes["patches"][:, 0]
    whole = (patch["weight"] < 1) | (patch["height"] * patch["width"] == 23 * 31)
    counts = mixing.mixes["count"]
    found = [(counts == 0).mean(), ((counts == 1) & whole).mean(), (counts == 4).mean()]
    for share, expected in zip(found, (0.4, 0.075, 0.375), strict=True):
        assert abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / count)


@pytest.mark.parametrize(("probability", "mixed"), [(0.0, False), (1.0, True)])
def test_never_and_always(probability, mixed):
    mixing = drawn(OneOf(Mixup(), CutMix(), probability=probability))
    assert (mixing.mixes["count"] == mixed).all()


def test_one_choice_per_batch_is_for_all_ranks_and_another_in_each_step():
    mix = OneOf(Mixup(per="batch"), CutMix(per="batch"), probability=0.7, per="batch")
    kinds = []
    for step in range(400):
        here = HERE._replace(first=512 * step, batch=512 * step)
        both = [
            drawn(mix, 32, place=place) for place in (here, here._replace(first=here.first + 32))
        ]
        assert np.array_equal(both[0].weights, both[1].weights)
        assert len(np.unique(both[0].mixes["count"])) == 1
        patch = both[0].mixes["patches"][0, 0]
        kinds.append(int(both[0].mixes["count"][0] * (1 + (patch["weight"] == 1))))
    # 0.3, 0.35, 0.35, each off by five standard deviations at most; a mixup whose share is 1 in
    # float32, every eighth or so, looks like CutMix.
    assert 74 < kinds.count(0) < 166
    assert kinds.count(1) > 60
    assert kinds.count(2) > 94


def test_wherever_nothing_else_is_chosen_members_share_their_partners():
    """So the pictures that are needed stay a circle, see `kernels.mix.order`."""
    both = drawn(OneOf(Mixup(), CutMix(), probability=0.9))
    mixed = both.mixes["count"] == 1
    assert np.array_equal(both.rows[mixed], drawn(Mixup()).rows[mixed])
