"""Resizing with guards around all memory, and what its result may be off by."""

import numpy as np

from fasttricks.kernels import reference
from fasttricks.kernels.augment import INTERPOLATIONS
from fasttricks.kernels.resize import resize, scratch_bytes

GUARD = 77


def run(box, grid, window=None, *, flip=0, part=None, interpolation="bilinear", cold=False):
    """`resize` with exactly the scratch it asks for, dirty and guarded, and a guarded strided dst.

    part: (top, left, bottom, right) of the box that is handed over; default all.
    """
    height, width = box.shape[:2]
    top, left, out_h, out_w = window or (0, 0, *grid)
    t, le, b, r = part or (0, 0, height, width)
    size = scratch_bytes(height, width, out_h, out_w)
    memory = np.random.default_rng(0).integers(0, 256, size + 33).astype(np.uint8)
    canvas = np.full((out_h + 2, out_w + 3, 3), GUARD, np.uint8)
    dst = canvas[1:-1, 1:-2]
    after = memory[size + 1 :].copy()
    source, scratch, number = (
        box[t:b, le:r],
        memory[1 : size + 1],
        INTERPOLATIONS.index(interpolation),
    )
    resize(source, t, le, height, width, *grid, top, left, flip, number, dst, scratch, cold)
    np.testing.assert_array_equal(memory[size + 1 :], after)
    result = dst.copy()
    dst[:] = GUARD
    assert (canvas == GUARD).all()
    return result


def check(pixels, exact, bias=0.02):
    """The project's bound for uint8 against the unrounded definition (docs/design.md, parity).

    A correct kernel is off by its last rounding: 0.5 at most, 0.25 on average, without bias.
    """
    error = pixels - exact
    assert abs(error).max() <= 1.0 + 1e-3
    assert abs(error).mean() <= 0.30
    assert abs(error.mean()) < bias + 2 / error.size  # a few pixels round to one side by chance


def bound(size, grid, interpolation):
    """What one rounding, and the bits that are kept before it, can be off by.

    bilinear: products are cut off at 8 bits after the point, half a unit off on average.
    bicubic: a product of the first sums is less than 1/64 off, to either side in turn, and one of
    the second 1/32; a weight has 14 bits after the point, of up to 128 levels; the first sums'
    errors are multiplied by weights whose magnitudes sum to less than 1.3.
    """
    down, across = (
        np.ceil(2 * reference.FILTERS[interpolation].radius * max(s / g, 1))
        for s, g in zip(size, grid, strict=True)
    )
    if interpolation == "bilinear":
        return 0.5 + ((down + across) / 2 + 2) / 256
    first, second = (down + 1) / 2 / 64 + down / 128, (across + 1) / 2 / 32 + across / 128
    return 0.5 + 1.3 * first + second


SIZES = [
    ((290, 300), (224, 224)),
    ((80, 100), (224, 224)),
    ((401, 468), (160, 176)),
    ((61, 67), (61, 67)),
    ((700, 45), (33, 48)),
    ((45, 900), (48, 33)),
    ((1200, 1601), (64, 65)),
]
