"""Pictures shrunk while they are decoded: by how much, from which part, and where the box is."""

import numpy as np
import pytest

from fasttricks.kernels import reference
from fasttricks.kernels.augment import INTERPOLATIONS
from fasttricks.kernels.filters import BICUBIC, BILINEAR
from fasttricks.kernels.plan import SAMPLE
from fasttricks.kernels.resize import scratch_bytes
from fasttricks.pipelines.decode.picture import resize_part, resize_shrunk, shrink_of
from tests.pictures import smooth_picture


def plan(top, left, height, width, grid, window=(0, 0), flip=0, interpolation=BILINEAR):
    made = np.zeros(1, SAMPLE)
    made[0] = (top, left, height, width, *grid, *window, flip, interpolation)
    return made[0]


@pytest.mark.parametrize(
    ("box", "grid", "shrink"),
    [
        ((448, 448), 224, 2),
        ((447, 900), 224, 1),
        ((900, 447), 224, 1),
        ((895, 900), 224, 2),
        ((896, 900), 224, 4),
        ((1792, 1792), 224, 8),
        ((9000, 9000), 224, 8),
        ((223, 224), 224, 1),
        ((64, 64), 8, 8),
        ((64, 64), 7, 1),
    ],
)
def test_never_smaller_than_the_output(box, grid, shrink):
    assert shrink_of(plan(3, 5, *box, (grid, grid)), 0) == shrink
    assert shrink_of(plan(3, 5, *box, (grid, grid)), 1) == 1


def averaged(pixels, shrink):
    """What an ideal decoder gives: means of shrink x shrink pixels, the edge's own repeated."""
    height, width = (-(-side // shrink) * shrink for side in pixels.shape[:2])
    padding = ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0))
    padded = np.pad(pixels, padding, mode="edge").astype(float)
    blocks = padded.reshape(height // shrink, shrink, width // shrink, shrink, 3)
    return np.round(blocks.mean((1, 3))).astype(np.uint8)


def boxed(pixels, made, shrink, shift=0.0):
    """The definition: the box in pixels of the shrunken picture, not rounded."""
    axes, how = [], INTERPOLATIONS[made["interpolation"]]
    for axis, (start, size) in enumerate((("top", "height"), ("left", "width"))):
        box = made[start] / shrink + shift, made[size] / shrink
        axes.append(
            reference.filter_matrix(
                pixels.shape[axis], int(made["grid_" + size]), box=box, interpolation=how
            )[int(made["grid_" + start]) :]
        )
    return np.einsum("yh,hwc,xw->yxc", axes[0], pixels.astype(float), axes[1]).clip(0, 255)


def run(pixels, made, shrink, out, top=0, left=0):
    picture = np.empty((*out, 3), np.uint8)
    scratch = np.empty(scratch_bytes(int(made["height"]), int(made["width"]), *out), np.uint8)
    resize_shrunk(pixels, top, left, shrink, made, picture, scratch)
    return picture


@pytest.mark.parametrize("interpolation", [BILINEAR, BICUBIC])
@pytest.mark.parametrize("trial", range(40))
def test_a_shrunken_box_is_where_it_was(trial, interpolation):
    rng = np.random.default_rng(trial)
    shrink = int(rng.choice([2, 4, 8]))
    out = (int(rng.integers(8, 40)), int(rng.integers(8, 40)))
    sides = [int(rng.integers(shrink * o + 9, shrink * o * 2 + 20)) for o in out]
    box = [int(rng.integers(shrink * o, side + 1)) for o, side in zip(out, sides, strict=True)]
    start = [int(rng.integers(0, side - b + 1)) for side, b in zip(sides, box, strict=True)]
    made = plan(*start, *box, out, flip=trial % 2, interpolation=interpolation)
    whole = averaged(rng.integers(0, 256, (*sides, 3)).astype(np.uint8), shrink)
    result = run(whole, made, shrink, out)
    exact = boxed(whole, made, shrink)
    assert abs(result - (exact[:, ::-1] if trial % 2 else exact)).max() <= 0.75
    # The same from a part of it, which begins at whole pixels of the shrunken picture.
    corner = [s // (8 * shrink) * 8 for s in start]
    part = whole[corner[0] :, corner[1] :]
    again = run(part, made, shrink, out, corner[0] * shrink, corner[1] * shrink)
    np.testing.assert_array_equal(again, result)


def test_in_evaluation_the_box_is_the_whole_picture():
    rng = np.random.default_rng(1)
    whole = averaged(rng.integers(0, 256, (101, 150, 3)).astype(np.uint8), 2)
    made = plan(0, 0, 101, 150, (40, 59), window=(4, 13))
    exact = boxed(whole, made, 2)[:32, :32]
    assert abs(run(whole, made, 2, (32, 32)) - exact).max() <= 0.75


@pytest.mark.parametrize("shift", [-0.5, 0.25, 0.5])
def test_a_shifted_box_would_be_noticed(shift):
    """Half a shrunken pixel is what rounding the box to whole pixels would do."""
    whole = averaged(smooth_picture(200, 240, seed=1), 2)
    made = plan(31, 45, 150, 160, (64, 64))
    result = run(whole, made, 2, (64, 64))
    assert abs(result - boxed(whole, made, 2)).max() <= 0.75
    assert abs(result - boxed(whole, made, 2, shift)).max() > 4


@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_on_a_ramp_shrinking_changes_nothing(shrink):
    """Means and triangles keep straight lines straight: only the two roundings are left."""
    y, x = np.mgrid[:240, :300]
    pixels = np.stack([y * 0.5 + x * 0.3, x * 0.7, 200 - y * 0.4], -1).round().astype(np.uint8)
    made = plan(19, 27, 207, 250, (24, 26))
    exact, scratch = np.empty((24, 26, 3), np.uint8), np.empty(1 << 20, np.uint8)
    resize_part(pixels, 0, 0, made, exact, scratch)
    difference = run(averaged(pixels, shrink), made, shrink, (24, 26)).astype(int) - exact
    # At the rim the filter's centre of mass moves by a part of a shrunken pixel.
    slope = 0.5 + 0.3
    assert abs(difference[1:-1, 1:-1]).max() <= 2
    assert abs(difference).max() <= 2 + slope * shrink / 2
