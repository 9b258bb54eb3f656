import subprocess
import sys

import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop, v2

from fasttricks.kernels import plan, plan_reference
from fasttricks.kernels.augment import Augment

TRAIN = Augment().params(size=224, train=True)
EVAL = Augment().params(size=224, train=False)


def random_pictures(count, seed=None):
    rng = np.random.default_rng(seed)
    heights, widths = rng.integers(1, 3000, (2, count))
    return rng.integers(0, 2**31, count), rng.integers(0, 4, count), heights, widths


def plans(params=TRAIN, seed=3, epoch=5, count=300):
    indices, views, heights, widths = random_pictures(count)
    samples, matrices = plan.plan_batch(seed, epoch, indices, views, heights, widths, params)
    return indices, views, heights, widths, samples, matrices


@pytest.mark.parametrize("seed", [0, 12345, 2**64 - 1])
def test_crops_are_those_of_the_reference(seed):
    indices, views, heights, widths, samples, _ = plans(seed=seed)
    for i, row in enumerate(samples):
        expected = plan_reference.crop_box(
            seed, 5, int(indices[i]), int(views[i]), int(heights[i]), int(widths[i]), TRAIN
        )
        assert (row["top"], row["left"], row["height"], row["width"]) == expected


def test_colour_is_that_of_the_reference():
    indices, views, *_, matrices = plans()
    for i, matrix in enumerate(matrices):
        a, b = plan_reference.color(3, 5, int(indices[i]), int(views[i]), TRAIN)
        np.testing.assert_allclose(matrix, np.c_[a, b], rtol=1e-6, atol=1e-7)


def test_order_is_that_of_the_reference():
    for count in (1, 2, 7, 100):
        order = plan.epoch_order(np.uint64(9), 4, count)
        assert order.tolist() == plan_reference.epoch_order(9, 4, count)


def test_order_is_a_fresh_permutation_every_epoch():
    first, second = (plan.epoch_order(np.uint64(0), epoch, 5000) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(5000))
    assert np.mean(first == second) < 0.01
    assert abs(np.corrcoef(first, np.arange(5000))[0, 1]) < 0.06  # 4 sigma of 1 / sqrt(5000)


def test_a_plan_depends_on_each_of_its_arguments():
    def box(seed=1, epoch=2, index=3, view=0):
        arrays = [np.array([x]) for x in (index, view, 400, 500)]
        samples, matrices = plan.plan_batch(seed, epoch, *arrays, TRAIN)
        return samples.tobytes() + matrices.tobytes()

    assert box() == box()
    assert (
        len({box(), box(seed=2), box(seed=1 + 2**32), box(epoch=3), box(index=4), box(view=1)}) == 6
    )


def test_boxes_lie_inside_and_follow_the_ranges():
    _, _, heights, widths, samples, _ = plans(count=20000)
    s = samples
    assert (s["top"] >= 0).all()
    assert (s["left"] >= 0).all()
    assert (s["height"] >= 1).all()
    assert (s["width"] >= 1).all()
    assert (s["top"] + s["height"] <= heights).all()
    assert (s["left"] + s["width"] <= widths).all()

    n = 20000
    size = np.full(n, 1000)
    s, _ = plan.plan_batch(0, 0, np.arange(n), np.zeros(n), size, size, TRAIN)
    area = s["height"].astype(float) * s["width"] / 1e6
    log_aspect = np.log(s["width"] / s["height"])
    assert 0.079 < area.min() < 0.085
    assert 0.98 < area.max() <= 1
    assert abs(log_aspect.mean()) < 4 * log_aspect.std() / np.sqrt(n)
    assert np.abs(log_aspect).max() < np.log(4 / 3) + 0.005
    small = area < 0.5  # nothing is rejected there, so area is uniform
    assert abs(area[small].mean() - 0.29) < 4 * 0.1213 / np.sqrt(small.sum())
    assert abs(np.mean(s["flip"]) - 0.5) < 4 * 0.5 / np.sqrt(n)


@pytest.mark.parametrize(("height", "width"), [(1000, 1), (1, 1000), (3, 4), (1, 1), (100, 30)])
def test_fallback_is_torchvisions_centre(height, width):
    # An impossible area sends torchvision to its fallback; ours is called directly.
    picture = torch.zeros(3, height, width)
    top, left, h, w = RandomResizedCrop.get_params(picture, [1e9, 1e9], [3 / 4, 4 / 3])
    assert plan.fallback_box(height, width, 3 / 4, 4 / 3) == (top, left, h, w)


@pytest.mark.parametrize("aspect", [(2.0, 3.0), (0.2, 0.4)])
@pytest.mark.parametrize(("height", "width"), [(9, 1), (1, 9), (1, 1), (2, 1)])
def test_a_crop_has_pixels_whatever_the_picture(height, width, aspect):
    params = Augment(aspect=aspect).params(size=8, train=True)
    samples, _ = plan.plan_batch(3, 5, range(20), [0] * 20, [height] * 20, [width] * 20, params)
    assert (samples["height"] >= 1).all()
    assert (samples["width"] >= 1).all()
    for index, row in enumerate(samples):
        expected = plan_reference.crop_box(3, 5, index, 0, height, width, params)
        assert (row["top"], row["left"], row["height"], row["width"]) == expected


@pytest.mark.parametrize("size", [32, 96, 224, 225])
def test_evaluation_window_is_torchvisions_to_the_integer(size):
    params = Augment().params(size=size, train=False)
    rng = np.random.default_rng()
    resize = v2.Resize(params.resize)
    for height, width in [(300, 400), *rng.integers(1, 700, (40, 2)).tolist()]:
        samples, _ = plan.plan_batch(0, 0, *(np.array([x]) for x in (0, 0, height, width)), params)
        row = samples[0]
        if max(height, width) / min(height, width) < 20:
            grid = resize(torch.zeros(1, height, width)).shape[1:]
            assert (row["grid_height"], row["grid_width"]) == tuple(grid)
        index = torch.arange(row["grid_height"] * row["grid_width"]).reshape(
            1, row["grid_height"], row["grid_width"]
        )
        first = int(v2.CenterCrop(size)(index)[0, 0, 0])
        assert divmod(first, int(row["grid_width"])) == (row["grid_top"], row["grid_left"])
        assert (row["top"], row["left"], row["height"], row["width"]) == (0, 0, height, width)
        assert row["flip"] == 0


def test_evaluation_example_of_the_paper():
    samples, _ = plan.plan_batch(0, 0, *(np.array([x]) for x in (0, 0, 300, 400)), EVAL)
    assert samples[0].tolist() == (0, 0, 300, 400, 256, 341, 16, 58, 0, 0)


def test_the_filter_is_in_the_plan_and_changes_nothing_else_of_it():
    given = [np.arange(9), np.zeros(9, int), np.full(9, 300), np.full(9, 400)]
    for train in (True, False):
        plans = [
            plan.plan_batch(3, 1, *given, Augment(interpolation=name).params(size=96, train=train))
            for name in ("bilinear", "bicubic")
        ]
        (one, colour), (other, same) = plans
        assert one["interpolation"].tolist() == [0] * 9
        assert other["interpolation"].tolist() == [1] * 9
        other["interpolation"] = 0
        assert np.array_equal(one, other)
        assert np.array_equal(colour, same)


def test_lighting_is_normal():
    count = 40000
    words = np.random.default_rng(1).integers(0, 2**32, (count, 4), dtype=np.uint64)
    values = np.array([plan.normals(*w) for w in words[:4000]])
    assert np.abs(values.mean(0)).max() < 4 / np.sqrt(4000)
    assert np.abs(values.std(0) - 1).max() < 4 / np.sqrt(2 * 4000)


def test_without_jitter_there_is_only_normalisation():
    for params in (
        EVAL,
        Augment(color="none").params(size=224, train=True),
        Augment().params(size=224, train=True, work="normalise"),
    ):
        matrices = plans(params)[-1]
        std, mean = np.array(params.std), np.array(params.mean)
        expected = np.c_[np.diag(1 / std), -mean / std].astype(np.float32)
        assert np.array_equal(matrices, np.broadcast_to(expected, matrices.shape))


def test_numbers_are_the_same_in_another_process():
    """Nothing may depend on hashes, addresses or the order of compilation."""
    code = (
        "import numpy as np\n"
        "from fasttricks.kernels import plan; from fasttricks.kernels.augment import Augment\n"
        "a = [np.arange(50), np.zeros(50), np.full(50, 375), np.full(50, 500)]\n"
        "s, m = plan.plan_batch(7, 1, *a, Augment().params(size=224, train=True))\n"
        "print((s.tobytes() + m.tobytes()).hex())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    arrays = [np.arange(50), np.zeros(50), np.full(50, 375), np.full(50, 500)]
    s, m = plan.plan_batch(7, 1, *arrays, TRAIN)
    assert there.stdout.strip() == (s.tobytes() + m.tobytes()).hex()
