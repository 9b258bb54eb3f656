import numba
import numpy as np
import pytest

from fasttricks.kernels.finish_rows import (
    FLOAT32,
    SCRATCH,
    Out,
    Part,
    write,
    write_row,
    write_two,
)


@numba.njit
def part_of(pixels, mirrored, matrix):
    m = matrix
    weights = (
        *(m[0, 0], m[0, 1], m[0, 2]),
        *(m[1, 0], m[1, 1], m[1, 2]),
        *(m[2, 0], m[2, 1], m[2, 2]),
    )
    offsets = (m[0, 3], m[1, 3], m[2, 3])
    return Part(np.int64(pixels.ctypes.data), pixels.strides[0], mirrored, weights, offsets)


@numba.njit
def run(kind, first, second, matrices, offsets, out):
    """Kind 0: `first`, kind 1: the sum, mirrored, kind 2: mirrored with offsets."""
    address = np.int64(out.ctypes.data)
    there = Out(address, out.strides[0], out.shape[0], out.shape[1], out.itemsize, FLOAT32)
    scratch = np.zeros(SCRATCH, np.uint8)
    if kind == 0:
        write(part_of(first, False, matrices[0]), there, scratch)
    elif kind == 1:
        other = part_of(second, True, matrices[1])
        write_two(part_of(first, False, matrices[0]), other, there, scratch)
    else:
        for y in range(out.shape[0]):
            write_row(part_of(first, True, matrices[0]), y, offsets, there, scratch)


@pytest.mark.parametrize("width", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_rectangles_and_nothing_beside_them(kind, width):
    rng = np.random.default_rng(width)
    first, second = rng.integers(0, 256, (2, 5, 50, 3), dtype=np.uint8)[:, :, 4 : 4 + width]
    matrices = (rng.integers(-9, 9, (2, 3, 4)) / 8).astype(np.float32)  # so that sums are exact
    offsets = rng.integers(-9, 9, (3, max(width, 16))).astype(np.float32)
    canvas = np.full((7, 60, 3), 99, np.float32)
    out = canvas[1:6, 3 : 3 + width]
    run(kind, first, second, matrices, offsets, out)
    (a, b), (a2, b2) = ((matrix[:, :3].T, matrix[:, 3]) for matrix in matrices)
    expected = [
        first @ a + b,
        first @ a + b + second[:, ::-1] @ a2 + b2,
        first[:, ::-1] @ a + offsets.T[:width],
    ][kind]
    np.testing.assert_array_equal(out, expected)
    out[:] = 99
    assert (canvas == 99).all()
