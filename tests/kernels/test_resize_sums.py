"""Sums of blocks against sums in float64."""

import numpy as np
import pytest

from fasttricks.kernels.resize_sums import BITS, GROUP, ROWS, sum_blocks


def filters(rng, outputs, available, taps, bits=BITS):
    """Random windows and weights, int32 [outputs, 1 + taps]; and the same as a float64 matrix.

    With fewer bits some of the weights are negative.
    """
    table = np.zeros((outputs, 1 + taps), np.int32)
    table[:, 0] = np.sort(rng.integers(0, available - taps + 1, outputs))
    shares = rng.random((outputs, taps)) + 0.1
    if bits != BITS:
        shares[:, -1] = -0.1 * shares[:, :-1].sum(1)
    table[:, 1:] = 2**bits * shares / shares.sum(1, keepdims=True)
    table[:, 1] += 2**bits - table[:, 1:].sum(1)
    matrix = np.zeros((outputs, available))
    for row, (first, *weights) in zip(matrix, table.tolist(), strict=True):
        row[first : first + taps] = np.array(weights) / 2**bits
    return table, matrix


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize(("height", "width", "taps"), [(ROWS, GROUP, 2), (45, 51, 3), (97, 33, 7)])
def test_sums(height, width, taps, mirrored, cold):
    rng = np.random.default_rng(height)
    src = rng.integers(0, 256, (60, 70, 3), np.uint8)
    src[:, 30:] = 255  # white stays white
    down, rows = filters(rng, height, len(src), taps)
    across, columns = filters(rng, width, src.shape[1], taps)
    if mirrored:
        across, columns = across[::-1].copy(), columns[::-1]
    want = np.einsum("yr,rcn,xc->yxn", rows, src.astype(float), columns)
    blocks = np.zeros((height, width, 3), np.uint8)
    workspace = np.zeros(1 << 20, np.uint8)
    sum_blocks(src, None, down, across, 2 * GROUP, blocks, workspace, cold)
    # Sums of rows are cut off to 8 bits after the point, a tap at a time; white cannot overflow.
    assert np.abs(blocks - want).max() <= 0.5 + taps / 128 + 1 / 256
