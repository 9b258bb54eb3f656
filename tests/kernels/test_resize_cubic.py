"""Sums with negative weights, those weights, and how many there may be, against float64."""

import numpy as np
import pytest

from fasttricks.kernels import reference
from fasttricks.kernels.resize_cubic import BITS, weigh
from fasttricks.kernels.resize_sums import GROUP, ROWS, sum_blocks
from tests.kernels.resizing import run
from tests.kernels.test_resize_sums import filters


@pytest.mark.parametrize(("height", "width", "taps"), [(ROWS, GROUP, 4), (45, 51, 5), (97, 33, 8)])
def test_sums(height, width, taps):
    rng = np.random.default_rng(height)
    cells = np.indices((60, 70)).sum(0) // (taps - 1) % 2
    src = np.stack([cells, 1 - cells, cells], 2).astype(np.uint8) * 255  # which is overshot
    down, rows = filters(rng, height, len(src), taps, BITS)
    across, columns = filters(rng, width, src.shape[1], taps, BITS)
    assert down.min() < 0
    want = np.einsum("yr,rcn,xc->yxn", rows, src.astype(float), columns)
    assert want.min() < 0
    assert want.max() > 255
    blocks = np.zeros((height, width, 3), np.uint8)
    workspace = np.zeros(1 << 20, np.uint8)
    sum_blocks(src, (3, 6), down, across, 2 * GROUP, blocks, workspace, False)
    # Products are cut off at 1/64 of a level and at 1/32, half of them to either side.
    off = (taps + 1) / 2 * (1.3 / 64 + 1 / 32)
    assert np.abs(blocks - want.clip(0, 255)).max() <= 0.5 + off


@pytest.mark.parametrize("stretch", [1.0, 1.34, 5.2])
@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5, 0.9])
def test_weights_are_keys_cubic(stretch, phase):
    taps = int(np.ceil(4 * stretch))
    table, begin = np.full((2, 1 + taps), 77, np.int32), phase - 2 * stretch
    weigh(table, 1, begin, stretch)
    exact = reference.cubic((begin + np.arange(taps)) / stretch)
    exact *= 2**BITS / exact.sum()
    assert (table[0] == 77).all()
    assert table[1, 0] == 77  # where the first pixel is, which it does not know
    assert table[1, 1:].sum() == 2**BITS
    error = np.sort(np.abs(table[1, 1:] - exact))
    assert error[:-1].max() <= 0.5 + 0.01
    assert error[-1] <= taps / 2 + 0.5  # the heaviest takes what the others leave


def test_magnitudes_of_cubic_weights_sum_to_less_than_1_3():
    """What `resize_cubic` counts on: else 16 bits might overflow."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        in_size, out_size = (int(x) for x in np.exp(rng.uniform(0, 6, 2)))
        matrix = reference.filter_matrix(in_size, out_size, interpolation="bicubic")
        assert abs(matrix).sum(axis=1).max() < 1.3
    for begin in np.arange(0, 1, 1 / 8):  # as shrunk while decoding: such are never enlarged
        for size in (12.0, 12.125, 17.25, 40.875):
            matrix = reference.filter_matrix(60, 12, box=(begin, size), interpolation="bicubic")
            assert abs(matrix).sum(axis=1).max() < 1.3


@pytest.mark.parametrize("scale", [6.4, 8, 8.1, 13, 17, 18.3, 24, 30.7, 40])
def test_every_flat_level_stays_as_it_is_at_every_scale(scale):
    """What is cut off the products of many taps adds up, and might reach the next level."""
    for pixel in np.arange(258).clip(max=255).astype(np.uint8).reshape(-1, 3):
        flat = np.full((round(32 * scale), round(29 * scale), 3), pixel)
        result = run(flat, (32, 29), interpolation="bicubic")
        np.testing.assert_array_equal(result, np.full_like(result, pixel))


@pytest.mark.parametrize("scale", [6.4, 8, 8.1, 18, 24, 30, 31, 40])
def test_noise_around_the_middle_equals_the_reference(scale):
    """There most is alike in what is cut off; the tests' contract allows 1."""
    size = round(33 * scale), round(50 * scale), 3
    box = np.random.default_rng(0).integers(126, 131, size).astype(np.uint8)
    exact = reference.resize(box, (33, 50), interpolation="bicubic")
    assert abs(run(box, (33, 50), interpolation="bicubic") - exact).max() <= 0.9
