import threading

import numpy as np
import pytest

from fasttricks import Augment
from fasttricks.kernels import finish_numba, reference
from fasttricks.kernels.mix.kinds import RICAP, CutMix, Cutout, Mixup, as_mixes
from fasttricks.kernels.mix.plan import Place, plan_mix
from fasttricks.kernels.mix.pool import wanted_of
from fasttricks.kernels.ops.apply import apply_rows, ops_bytes
from fasttricks.kernels.plan import plan_batch
from fasttricks.kernels.plan_ops import plan_ops_batch
from fasttricks.kernels.policy import AutoAugment
from fasttricks.kernels.resize import scratch_bytes
from fasttricks.pipelines.decode.picture import UINT8, resize_part
from fasttricks.pipelines.resident.rows import (
    PLACE,
    Rows,
    make_mixed,
    make_rows,
    memory_for,
    picture_at,
)
from tests.pictures import smooth_picture

SIZE, SEED = 49, np.uint64(5)
SIDES = [(60, 80), (200, 33), (1, 1), (49, 49), (7, 300), (9, 8), (150, 151)]


@pytest.fixture(scope="module")
def pictures():
    made = (smooth_picture(max(2, h), max(2, w), i) for i, (h, w) in enumerate(SIDES))
    return [picture[:h, :w].copy() for picture, (h, w) in zip(made, SIDES, strict=True)]


def rows_of(pictures, views=2, form=UINT8, train=True, augment=None, epoch=3):
    params = (augment or Augment()).params(size=SIZE, train=train)
    places = np.array([(p.ctypes.data, *p.shape[:2]) for p in pictures], PLACE)
    count = views * len(pictures)
    dtype = np.uint8 if form == UINT8 else np.float32
    return Rows(
        seed=SEED,
        epoch=epoch,
        params=params,
        samples=np.arange(100, 100 + len(pictures)),
        places=places,
        ops=None,
        out=np.zeros((count, SIZE, SIZE, 3), dtype),
        form=form,
        matrices=np.zeros((count, 3, 4), np.float32),
        next=np.zeros(1, np.int64),
    )


def plans_of(work):
    count, views = len(work.samples), len(work.out) // len(work.samples)
    sides = (np.tile(work.places[name], views) for name in ("height", "width"))
    rows = np.tile(work.samples, views), np.repeat(np.arange(views), count)
    return plan_batch(int(work.seed), work.epoch, *rows, *sides, work.params)


def memory(pictures, together=32):
    return memory_for(rows_of(pictures).places, SIZE, together)


@pytest.mark.parametrize("train", [True, False])
def test_the_pixels_are_those_of_the_whole_picture(pictures, train):
    """Bit for bit those that `resize` makes without a copy, and the reference's to a level."""
    work = rows_of(pictures, train=train)
    assert make_rows(work, memory(pictures)) == 2 * len(pictures)
    plans, matrices = plans_of(work)
    assert np.array_equal(work.matrices, matrices)
    scratch = np.empty(scratch_bytes(300, 300, SIZE, SIZE), np.uint8)
    for row, plan in enumerate(plans):
        picture, want = pictures[row % len(pictures)], np.empty((SIZE, SIZE, 3), np.uint8)
        resize_part(picture, 0, 0, plan, want, scratch)
        assert np.array_equal(work.out[row], want)
        box = picture[
            plan["top"] : plan["top"] + plan["height"], plan["left"] : plan["left"] + plan["width"]
        ]
        window = int(plan["grid_top"]), int(plan["grid_left"]), SIZE, SIZE
        exact = reference.resize(box, (plan["grid_height"], plan["grid_width"]), window)
        exact = exact[:, ::-1] if plan["flip"] else exact
        assert abs(work.out[row] - exact).max() <= 1 + 1e-3


def test_another_plan_would_be_noticed(pictures):
    first, second = rows_of(pictures), rows_of(pictures, epoch=4)
    make_rows(first, memory(pictures))
    make_rows(second, memory(pictures))
    assert abs(first.out.astype(int) - second.out).max() > 20
    assert not np.array_equal(first.out[: len(pictures)], first.out[len(pictures) :])


def test_rows_are_finished(pictures):
    work, pixels = rows_of(pictures, form=finish_numba.FLOAT32), rows_of(pictures)
    make_rows(work, memory(pictures))
    make_rows(pixels, memory(pictures))
    upright = np.zeros(len(work.out), bool)
    want = reference.finish(pixels.out, work.matrices, upright).transpose(0, 2, 3, 1)
    assert abs(work.out - want).max() < 1e-5


def test_an_operation_comes_before_finishing(pictures):
    augment = Augment(policy=AutoAugment())
    ops = augment.ops(size=SIZE, train=True)
    count = len(pictures)
    ops = plan_ops_batch(5, 3, np.arange(count), np.zeros(count, int), ops)
    plain_, staged = (rows_of(pictures, 1, augment=augment) for _ in range(2))
    make_rows(plain_, memory(pictures))
    make_rows(staged._replace(ops=ops), memory(pictures))
    assert not np.array_equal(plain_.out, staged.out)
    apply_rows(plain_.out, ops, np.empty(ops_bytes(SIZE, SIZE), np.uint8))
    assert np.array_equal(plain_.out, staged.out)


def run_together(make, threads):
    """What each of the threads gave."""
    made = []
    team = [threading.Thread(target=lambda: made.append(make())) for _ in range(threads)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    return made


@pytest.mark.parametrize("threads", [2, 7])
def test_threads_make_each_row_once(pictures, threads):
    alone, together = rows_of(pictures * 9), rows_of(pictures * 9)
    make_rows(alone, memory(pictures))

    made = run_together(lambda: make_rows(together, memory(pictures)), threads)
    assert sum(made) == len(together.out)
    assert np.array_equal(alone.out, together.out)
    assert make_rows(together, memory(pictures)) == 0


def mixed_rows(pictures, mix, views, group):
    """Rows to be mixed in groups, and what they are mixed to."""
    work, place = rows_of(pictures, views, finish_numba.FLOAT32), Place(5, 3, 0, 0, group)
    mixing = plan_mix(as_mixes(mix), place, len(pictures), views, SIZE, SIZE)
    out = np.full((len(mixing.mixes), SIZE, SIZE, 3), np.nan, np.float32)
    return work._replace(out=out), wanted_of(mixing, len(work.out))


MIXES = [
    Mixup(),
    RICAP(),
    Mixup(pairing="two-batches"),
    Mixup(pairing="halves"),
    CutMix(),
    (CutMix(), Cutout(9)),
    Cutout(9),
]


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("group", [3, 5, 32])
@pytest.mark.parametrize("mix", MIXES, ids=str)
def test_mixes_are_the_references(mix, group, views, pictures):
    """Seven pictures: groups of 3, 3 and 1, of 5 and 2, or one."""
    (work, mixes), rows = mixed_rows(pictures, mix, views, group), rows_of(pictures, views)
    make_rows(rows, memory(pictures))
    assert make_mixed(work, mixes, memory(pictures, group)) == len(work.out)
    assert np.array_equal(work.matrices, rows.matrices)
    upright = np.zeros(len(rows.out), bool)
    want = reference.finish(rows.out, rows.matrices, upright, mixes.mixes)
    assert abs(work.out - want.transpose(0, 2, 3, 1)).max() < 2e-5


def test_three_pictures_are_enough_to_mix_a_group_in_its_order(pictures):
    work, mixes = mixed_rows(pictures, Mixup(), 1, 32)
    again, same = mixed_rows(pictures, Mixup(), 1, 32)
    assert make_mixed(work, mixes, memory(pictures, 3)) == len(pictures)
    assert make_mixed(again, same, memory(pictures, 32)) == len(pictures)
    assert np.array_equal(work.out, again.out)
    assert (mixes.uses == 0).all()


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_mix_each_part_once(pictures, threads):
    alone, mixes = mixed_rows(pictures * 9, Mixup(), 2, 4)
    make_mixed(alone, mixes, memory(pictures))
    together, mixes = mixed_rows(pictures * 9, Mixup(), 2, 4)
    run_together(lambda: make_mixed(together, mixes, memory(pictures)), threads)
    assert np.array_equal(alone.out, together.out)


def test_a_picture_by_its_address():
    picture = smooth_picture(20, 31, 0)
    assert np.array_equal(picture_at(np.uint64(picture.ctypes.data), 20, 31), picture)
