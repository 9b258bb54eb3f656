import numba
import numpy as np

from fasttricks.kernels.jpeg.colour import (
    PIXELS,
    double_both,
    double_width,
    write_grey,
    write_rgb,
)


@numba.njit
def run(y, cb, cr, out, grey):
    write_rgb(y.ctypes.data, cb.ctypes.data, cr.ctypes.data, out.ctypes.data)
    write_grey(y.ctypes.data, grey.ctypes.data)


@numba.njit
def double(near, far, across, both):
    double_width(near.ctypes.data + 1, across.ctypes.data)
    double_both(near.ctypes.data + 1, far.ctypes.data + 1, both.ctypes.data)


def levels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def converted(y, cb, cr):
    rgb, grey = np.zeros((PIXELS, 3), np.uint8), np.zeros((PIXELS, 3), np.uint8)
    run(y, cb, cr, rgb, grey)
    np.testing.assert_array_equal(grey, np.stack([y] * 3, axis=1))
    return rgb


def defined(y, cb, cr):
    """JFIF 1.02 in float64."""
    y, cb, cr = (x.astype(np.float64) for x in (y, cb, cr))
    cb, cr = cb - 128, cr - 128
    rgb = np.stack([y + 1.402 * cr, y - 0.34414 * cb - 0.71414 * cr, y + 1.772 * cb], axis=-1)
    return np.clip(rgb, 0, 255)


def test_colours_are_those_of_the_definition_rounded():
    for seed in range(300):
        y, cb, cr = levels(3, PIXELS, seed=seed)
        error = np.abs(converted(y, cb, cr) - defined(y, cb, cr))
        assert error.max() < 0.5 + 256 * 2.0**-16  # a half, and what the constants are rounded by


def test_swapped_chroma_would_be_found():
    y, cb, cr = levels(3, PIXELS)
    assert np.abs(converted(y, cr, cb) - defined(y, cb, cr)).max() > 5


def test_doubling_takes_three_parts_of_the_nearer_one_of_the_farther():
    for seed in range(100):
        near, far = levels(2, PIXELS + 2, seed=seed)
        across, both = np.zeros((PIXELS, 2), np.uint8), np.zeros((PIXELS, 2), np.uint8)
        double(near, far, across, both)
        wide = near.astype(int)
        before, here, behind = wide[:-2], wide[1:-1], wide[2:]
        np.testing.assert_array_equal(across[:, 0], (3 * here + before + 1) // 4)
        np.testing.assert_array_equal(across[:, 1], (3 * here + behind + 2) // 4)
        sums = 3 * wide + far
        before, here, behind = sums[:-2], sums[1:-1], sums[2:]
        np.testing.assert_array_equal(both[:, 0], (3 * here + before + 8) // 16)
        np.testing.assert_array_equal(both[:, 1], (3 * here + behind + 7) // 16)
