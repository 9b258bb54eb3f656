"""Sums that are exact, against the same in NumPy's integers, and `resize` where it takes them."""

import numpy as np
import pytest

from fasttricks.kernels import resize_cubic, resize_sums
from fasttricks.kernels.augment import INTERPOLATIONS
from fasttricks.kernels.resize import support
from fasttricks.kernels.resize_exact import SUM_BYTES, sum_exactly
from tests.kernels import resizing
from tests.kernels.test_resize_sums import filters

GUARD = 77


def run(src, down, across, bits, height, width):
    """`sum_exactly` into a part of a canvas, with no more workspace than it may use."""
    starts = across[:, 0]
    size = SUM_BYTES * int(starts.max() + across.shape[1] - 1 - starts.min())
    workspace = np.full(size + 64, GUARD, np.uint8)
    canvas = np.full((height + 2, width + 2, 3), GUARD, np.uint8)
    sum_exactly(src, down, across, bits, canvas[1:-1, 1:-1], workspace)
    assert (workspace[size:] == GUARD).all()
    result = canvas[1:-1, 1:-1].copy()
    canvas[1:-1, 1:-1] = GUARD
    assert (canvas == GUARD).all()
    return result


def whole(table, available):
    """A filter as an int64 matrix [outputs, available]."""
    matrix = np.zeros((len(table), available), np.int64)
    for row, (first, *weights) in zip(matrix, table.tolist(), strict=True):
        row[first : first + len(weights)] = weights
    return matrix


def wanted(src, down, across, bits):
    """All products summed, then the nearest level; a half goes up."""
    rows, columns = whole(down, src.shape[0]), whole(across, src.shape[1])
    sums = np.einsum("yr,rcn->ycn", rows, src.astype(np.int64))
    sums = np.einsum("ycn,xc->yxn", sums, columns)
    return ((sums + (1 << (2 * bits - 1))) >> (2 * bits)).clip(0, 255)


@pytest.mark.parametrize("bits", [resize_sums.BITS, resize_cubic.BITS])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(
    ("size", "grid", "taps"),
    [
        ((9, 8), (3, 2), 2),
        ((20, 31), (40, 45), 3),
        ((60, 70), (7, 11), 7),
        ((300, 4500), (5, 9), 250),  # more columns than are summed at once
    ],
)
def test_every_level_is_that_of_exact_sums(size, grid, taps, mirrored, bits):
    rng = np.random.default_rng(taps)
    cells = np.indices(size).sum(0) // taps % 2  # which a negative weight overshoots
    src = rng.integers(0, 256, (*size, 3), np.uint8)
    src[..., 0] = 255 * cells
    src = src[::-1, :, :]  # rows at any distance
    down, _ = filters(rng, grid[0], size[0], taps, bits)
    across, _ = filters(rng, grid[1], size[1], taps, bits)
    if mirrored:
        across = across[::-1].copy()
    result = run(src, down, across, bits, *grid)
    np.testing.assert_array_equal(result, wanted(src, down, across, bits))


@pytest.mark.parametrize(
    ("bits", "weights"),
    [
        (resize_sums.BITS, [1 << 16]),
        (resize_sums.BITS, [(1 << 16) - 1, 1]),
        (resize_cubic.BITS, [1 << 14]),
        (resize_cubic.BITS, [-2400, 18784]),
        (resize_cubic.BITS, [-1200, 17584, 1200, -1200]),
    ],
)
def test_the_largest_sums_fit(bits, weights):
    table, size = np.array([[0, *weights]], np.int32), len(weights)
    positive = np.array(weights)[:, None] > 0
    for there in (np.ones((size, 1)), positive, ~positive):
        src = np.broadcast_to(255 * there[..., None], (size, size, 3)).astype(np.uint8)
        result = run(src, table, table, bits, 1, 1)
        np.testing.assert_array_equal(result, wanted(src, table, table, bits))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("scale", [7.9, 8.1, 31, 66])
def test_a_cut_picture_gives_the_pixels_of_the_whole(scale, interpolation):
    """Bit for bit, on either side of where these sums begin."""
    grid, out, how = (40, 35), (33, 20), INTERPOLATIONS.index(interpolation)
    size = round(grid[0] * scale), round(grid[1] * scale)
    box = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    whole_box = resizing.run(box, grid, interpolation=interpolation)
    for top, left, flip in ((0, 0, 0), (3, 8, 1), (7, 15, 0)):
        (t, b), (le, r) = (
            support(first, count, side, cells, how)
            for first, count, side, cells in zip((top, left), out, size, grid, strict=True)
        )
        given = resizing.run(
            box, grid, (top, left, *out), flip=flip, part=(t, le, b, r), interpolation=interpolation
        )
        want = whole_box[top:, left:][: out[0], : out[1]]
        np.testing.assert_array_equal(given, want[:, ::-1] if flip else want)
