import threading
from itertools import pairwise

import numpy as np
import pytest

from fasttricks.kernels import reference
from fasttricks.kernels.finish_numba import FLOAT32
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mixup, as_mixes
from fasttricks.kernels.mix.plan import Place, plan_mix, span
from fasttricks.kernels.mix.pool import wanted_of
from fasttricks.pipelines.groups import AT_ONCE, LEAST, groups_of
from fasttricks.pipelines.recycle import Spare

SIZE = 19
MIXES = [
    Mixup(),
    Mixup(pairing="two-batches"),
    Mixup(pairing="halves"),
    RICAP(),
    (CutMix(), Cutout(5)),
    Cutout(5),
]


def test_groups_are_whole_spans():
    for count, length in [(70, 32), (64, 32), (5, 32), (70, 1), (33, 5), (34, 2)]:
        groups = groups_of(count, 1, length)
        ends = [0, *(group.samples.stop for group in groups)]
        assert [group.samples.start for group in groups] == ends[:-1]
        assert ends[-1] == count
        assert all(end % length == 0 for end in ends[:-1])
        assert all(b - a >= LEAST for a, b in pairwise(ends[:-1]))


@pytest.mark.parametrize(
    ("span", "whole"), [(1, True), (2, True), (32, True), (64, True), (65, False)]
)
def test_groups_up_to_a_limit_are_made_at_once(span, whole):
    first, *_ = groups_of(256, 1, span)
    assert first.at_once is whole
    assert whole is (first.samples.stop <= AT_ONCE)


def batch(mix, count, views, group):
    rng = np.random.default_rng(7)
    mixes = as_mixes(mix)
    mixing = plan_mix(mixes, Place(1, 2, 64, 64, group), count, views, SIZE, SIZE)
    pixels = rng.integers(0, 256, (views * count, SIZE, SIZE, 3), np.uint8)
    matrices = rng.normal(0, 0.02, (views * count, 3, 4)).astype(np.float32)
    return mixing, pixels, matrices, span(mixes, group)


def make(groups, pixels, views, spare, each):
    """Fill the groups by pieces of `each` samples, in all views, as threads do."""
    by_view = pixels.reshape(views, -1, *pixels.shape[1:])
    for group in groups:
        for first in range(group.samples.start, group.samples.stop, each):
            count = min(each, group.samples.stop - first)
            rows = by_view[:, first : first + count].reshape(-1, *pixels.shape[1:])
            group.pixels(spare, SIZE)[group.slots(first, count)] = rows
            yield group, group.add(count)


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("group", [5, 20])
@pytest.mark.parametrize("mix", MIXES, ids=str)
def test_groups_are_mixed_as_the_reference_mixes_the_batch(mix, group, views):
    # An odd batch is a last one: of a picture without a partner it makes one output more.
    count = {Mixup(pairing="halves"): 40, Mixup(pairing="two-batches"): 49}.get(mix, 50)
    mixing, pixels, matrices, length = batch(mix, count, views, group)
    out, spare = np.full((len(mixing.mixes), SIZE, SIZE, 3), np.nan, np.float32), Spare()
    groups, wanted = groups_of(count, views, length), wanted_of(mixing, len(pixels))
    for part, complete in make(groups[::-1], pixels, views, spare, each=7):
        if complete:
            part.mix(wanted, matrices, out, FLOAT32, spare)
    want = reference.finish(pixels, matrices, np.zeros(len(pixels), bool), mixing.mixes)
    assert abs(out - want.transpose(0, 2, 3, 1)).max() < 2e-5
    assert len(spare._blocks) == 1  # the first group's memory served all


def test_a_group_is_complete_with_its_last_sample_and_not_before():
    (group,) = groups_of(20, 2, 20)
    assert not group.add(7)
    assert not group.add(12)
    assert group.add(1)


def test_threads_that_begin_a_group_at_once_share_its_memory():
    (group,), spare, found = groups_of(20, 1, 20), Spare(), []
    begin = threading.Barrier(4)

    def work():
        begin.wait()
        found.append(group.pixels(spare, 64))

    team = [threading.Thread(target=work) for _ in range(4)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    assert all(np.shares_memory(found[0], other) for other in found[1:])
