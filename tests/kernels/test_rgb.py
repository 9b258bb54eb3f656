import numba
import numpy as np
import pytest
import torch

from fasttricks.kernels import rgb


@numba.njit
def as_float32(source, mirrored, out):
    red, green, blue = rgb.load_pixels(source.ctypes.data, mirrored)
    rgb.store_float32(out.ctypes.data, red, green, blue)


@numba.njit
def weighted(source, weights, out):
    red, green, blue = rgb.load_pixels(source.ctypes.data, False)
    y = rgb.affine(red, green, blue, weights[0], weights[1], weights[2], weights[3])
    rgb.store_float32(out.ctypes.data, y, y, y)


@numba.njit
def convert(numbers, float16, out):
    """Each of `numbers` as float16 or bfloat16 bits, by way of a black pixel and its offset."""
    black = np.zeros((16, 3), np.uint8)
    red, green, blue = rgb.load_pixels(black.ctypes.data, False)
    zero = np.float32(0)
    for i in range(numbers.size):
        y = rgb.affine(red, green, blue, zero, zero, zero, numbers[i])
        if float16:
            rgb.store_float16(out[i].ctypes.data, y, y, y)
        else:
            rgb.store_bfloat16(out[i].ctypes.data, y, y, y)


@pytest.mark.parametrize("mirrored", [False, True])
def test_load_and_store_keep_pixels_and_their_order(mirrored):
    source = np.random.default_rng(0).integers(0, 256, (17, 3), dtype=np.uint8)
    out = np.zeros((17, 3), np.float32)
    as_float32(source[1:], mirrored, out)
    np.testing.assert_array_equal(out[:16], source[1:][::-1] if mirrored else source[1:])
    assert not out[16].any()


def test_affine():
    source = np.random.default_rng(1).integers(0, 256, (16, 3), dtype=np.uint8)
    weights, out = np.array([2, -3, 0.5, 7], np.float32), np.zeros((16, 3), np.float32)
    weighted(source, weights, out)
    np.testing.assert_array_equal(out[:, 0], source @ [2, -3, 0.5] + 7)
    np.testing.assert_array_equal(out[:, 0], out[:, 2])


def numbers():
    """All exponents and signs, random mantissas, ties, subnormal halves, and the largest."""
    rng = np.random.default_rng(2)
    bits = rng.integers(0, 0x47000000, 20_000).astype(np.uint32)
    halves = np.arange(0, 0x7C00, 7, dtype=np.uint16).view(np.float16).astype(np.float32)
    between = (halves[1:] + halves[:-1]) / 2
    neighbours = np.arange(0, 200, dtype=np.uint16).view(np.float16).astype(np.float32)
    ties = (neighbours[1:] + neighbours[:-1]) / 2
    largest = np.array([65504, 65519.996, 65520, 1e9, np.inf, 0], np.float32)
    positive = np.concatenate([bits.view(np.float32), halves, between, ties, largest])
    return np.concatenate([positive, -positive])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_formats_round_to_nearest_even(dtype):
    values = numbers()
    out = np.zeros((values.size, 16, 3), np.uint16)
    convert(values, dtype is torch.float16, out)
    expected = torch.from_numpy(values + np.float32(0)).to(dtype).view(torch.uint16).numpy()
    np.testing.assert_array_equal(out, np.broadcast_to(expected[:, None, None], out.shape))
