from itertools import pairwise

import numpy as np
import pytest

from fasttricks.kernels.mix.description import plain
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mixup, OneOf, as_mixes
from fasttricks.kernels.mix.order import mix_order
from fasttricks.kernels.mix.plan import Place, plan_mix

MIXES = [
    Mixup(),
    Mixup(pairing="halves"),
    Mixup(pairing="two-batches"),
    RICAP(),
    (CutMix(), Cutout(3)),
    Cutout(3),
    OneOf(Mixup(), CutMix(), probability=0.8),
    OneOf(Mixup(pairing="halves"), RICAP(), CutMix()),
]


def drawn(mix, count=70, group=32, views=1):
    return plan_mix(as_mixes(mix), Place(3, 1, 0, 0, group), count, views, 20, 20).mixes


def sources(one):
    return [int(one["own"]), *(int(s) for s in one["patches"]["source"][: one["count"]] if s >= 0)]


def parts_of(order):
    starts = order.starts.tolist()
    return [order.outputs[a:b].tolist() for a, b in pairwise(starts)]


def most_at_once(mixes, outputs):
    """Pictures that are there at a time if each is made when it is needed, and kept until nothing
    needs it any more."""
    last = {source: i for i, o in enumerate(outputs) for source in sources(mixes[o])}
    there, most = set(), 0
    for i, output in enumerate(outputs):
        there |= set(sources(mixes[output]))
        most = max(most, len(there))
        there = {source for source in there if last[source] > i}
    return most


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("mix", MIXES, ids=str)
def test_parts_have_all_outputs_once_and_no_picture_in_common(mix, views):
    mixes = drawn(mix, views=views)
    order = mix_order(mixes, 70 * views)
    parts = parts_of(order)
    assert sorted(output for part in parts for output in part) == list(range(len(mixes)))
    used = [{source for output in part for source in sources(mixes[output])} for part in parts]
    assert sum(map(len, used)) == len(set().union(*used))
    counted = np.bincount([s for one in mixes for s in sources(one)], minlength=70 * views)
    assert np.array_equal(order.uses, counted)


def test_a_part_cannot_be_divided():
    mixes = drawn(RICAP())
    assert len(parts_of(mix_order(mixes, 70))) >= 3  # groups of 32, 32 and 6
    assert [len(part) for part in parts_of(mix_order(drawn(Cutout(3)), 70))] == [1] * 70
    assert [len(part) for part in parts_of(mix_order(drawn(MIXES[2]), 70))] == [1] * 35


@pytest.mark.parametrize(
    ("mix", "enough"), [(MIXES[0], 3), (MIXES[1], 3), (MIXES[2], 2), (MIXES[6], 3)], ids=str
)
def test_few_pictures_are_needed_at_a_time(mix, enough):
    mixes = drawn(mix)
    order = mix_order(mixes, 70)
    assert max(most_at_once(mixes, part) for part in parts_of(order)) <= enough
    if mix == Mixup():
        assert most_at_once(mixes, range(len(mixes))) > 10  # in their own order many are


def test_nothing_to_order():
    order = mix_order(plain([]), 0)
    assert order.outputs.tolist() == []
    assert order.starts.tolist() == [0]
