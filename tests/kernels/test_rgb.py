import numba
import numpy as np
import pytest
import torch
from numba.np.unsafe.ndarray import to_fixed_tuple

from fasttricks.kernels import rgb


@numba.njit
def as_float32(source, mirrored, out):
    rgb.store_float32(out.ctypes.data, rgb.load_pixels(source.ctypes.data, mirrored))


@numba.njit
def as_float32_past_caches(source, mirrored, out):
    rgb.stream_float32(out.ctypes.data, rgb.load_pixels(source.ctypes.data, mirrored))
    rgb.settle()


@numba.njit
def weighted(source, weights, offsets, extra, out):
    """A . rgb + b, plus `extra` by channel and pixel if there is any."""
    pixels = rgb.load_pixels(source.ctypes.data, False)
    made = rgb.affine(pixels, to_fixed_tuple(weights, 9), to_fixed_tuple(offsets, 3))
    if extra.size > 0:
        first, second, third = extra[0].ctypes.data, extra[1].ctypes.data, extra[2].ctypes.data
        own = rgb.load_floats(first), rgb.load_floats(second), rgb.load_floats(third)
        made = rgb.affine(made, to_fixed_tuple(np.eye(3, dtype=np.float32).ravel(), 9), own)
    rgb.store_float32(out.ctypes.data, made)


@numba.njit
def convert(numbers, float16, out):
    """Each of `numbers` as float16 or bfloat16 bits, by way of a black pixel and its offset."""
    black = np.zeros((16, 3), np.uint8)
    pixels = rgb.load_pixels(black.ctypes.data, False)
    weights = to_fixed_tuple(np.zeros(9, np.float32), 9)
    for i in range(numbers.size):
        number = numbers[i]
        made = rgb.affine(pixels, weights, (number, number, number))
        if float16:
            rgb.store_float16(out[i].ctypes.data, made)
        else:
            rgb.store_bfloat16(out[i].ctypes.data, made)


@pytest.mark.parametrize("mirrored", [False, True])
def test_load_and_store_keep_pixels_and_their_order(mirrored):
    source = np.random.default_rng(0).integers(0, 256, (17, 3), dtype=np.uint8)
    out = np.zeros((17, 3), np.float32)
    as_float32(source[1:], mirrored, out)
    np.testing.assert_array_equal(out[:16], source[1:][::-1] if mirrored else source[1:])
    assert not out[16].any()


@pytest.mark.parametrize("mirrored", [False, True])
def test_streamed_pixels_are_the_stored_ones(mirrored):
    source = np.random.default_rng(3).integers(0, 256, (16, 3), dtype=np.uint8)
    room = np.zeros(4 * 48 + 2 * rgb.STREAM, np.uint8)
    first = -room.ctypes.data % rgb.STREAM
    out = room[first : first + 4 * 48].view(np.float32).reshape(16, 3)
    as_float32_past_caches(source, mirrored, out)
    np.testing.assert_array_equal(out, source[::-1] if mirrored else source)
    assert not room[:first].any()
    assert not room[first + 4 * 48 :].any()


@pytest.mark.parametrize("extra", [np.empty((0, 16)), np.arange(48).reshape(3, 16)])
def test_affine(extra):
    rng = np.random.default_rng(1)
    source = rng.integers(0, 256, (16, 3), dtype=np.uint8)
    weights = (rng.integers(-20, 20, (3, 3)) / 4).astype(np.float32)
    offsets, out = np.array([7, -8, 9.5], np.float32), np.zeros((16, 3), np.float32)
    weighted(source, weights.ravel(), offsets, extra.astype(np.float32), out)
    expected = source @ weights.T + offsets
    np.testing.assert_array_equal(out, expected + extra.T if extra.size else expected)


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
