import numba
import numpy as np

from fasttricks.kernels import lanes


@numba.njit
def scale_and_add(total, value, weight, out):
    a, b = lanes.load(total.ctypes.data), lanes.load(value.ctypes.data)
    lanes.store(out.ctypes.data, lanes.add_scaled(a, b, weight))


@numba.njit
def widen(source, out):
    lanes.store(out.ctypes.data, lanes.load_bytes(source.ctypes.data))


@numba.njit
def widen_centred(source, out):
    lanes.store(out.ctypes.data, lanes.load_centred(source.ctypes.data))


@numba.njit
def add_cut_off(total, value, weight, upwards, out):
    a, b = lanes.load(total.ctypes.data), lanes.load(value.ctypes.data)
    if upwards:
        lanes.store(out.ctypes.data, lanes.add_ceiling(a, b, weight))
    else:
        lanes.store(out.ctypes.data, lanes.add_floor(a, b, weight))


@numba.njit
def double_and_level(value, twice, levels):
    lanes.store(twice.ctypes.data, lanes.doubled(lanes.load(value.ctypes.data)))
    lanes.store(levels.ctypes.data, lanes.to_levels(lanes.load(value.ctypes.data)))


@numba.njit
def fill(number, out):
    lanes.store(out.ctypes.data, lanes.splat(number))


@numba.njit
def columns_of(rows, out):
    lanes.transpose_8_columns(rows.ctypes.data, rows.strides[0], out.ctypes.data)


@numba.njit
def rows_of(columns, out):
    lanes.transpose_16_bytes(columns.ctypes.data, out.ctypes.data, out.strides[0])


def numbers(*shape):
    return np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)


def test_add_scaled_takes_the_high_half_of_the_product():
    total, value = numbers(2, 32)
    for weight in (0, 1, 255, 32768, 65535):
        out = np.zeros(32, np.uint16)
        scale_and_add(total, value, weight, out)
        expected = total.astype(np.int64) + (value.astype(np.int64) * weight >> 16)
        np.testing.assert_array_equal(out, expected % 65536)


def test_signed_products_are_cut_off_downwards_or_upwards():
    total, value = numbers(2, 32).astype(np.int16)
    value[:3] = -32768, 32767, 0
    for weight in (-18432, -4097, -1, 0, 1, 16384, 18432):
        exact = value.astype(np.int64) * weight
        for upwards, cut in ((False, exact >> 16), (True, -(-exact >> 16))):
            out = np.zeros(32, np.int16)
            add_cut_off(total, value, weight, upwards, out)
            np.testing.assert_array_equal(out, (total + cut).astype(np.int16))


def test_load_centred_counts_from_the_middle():
    source, out = numbers(40).astype(np.uint8), np.zeros(32, np.int16)
    source[:4] = 0, 127, 128, 255
    widen_centred(source, out)
    np.testing.assert_array_equal(out, (source[:32].astype(np.int64) - 128) * 256)


def test_levels_are_rounded_and_clipped():
    value = np.linspace(-200 * 32, 200 * 32, 32).astype(np.int16)
    value[:2] = 16, 15  # half a level, and a little less
    twice, levels = np.zeros(32, np.int16), np.zeros(32, np.uint16)
    double_and_level(value, twice, levels)
    np.testing.assert_array_equal(twice, 2 * value - 1)
    expected = np.floor(value / 32 + 128.5).clip(0, 255)
    np.testing.assert_array_equal(levels >> 8, expected)
    assert expected[:2].tolist() == [129, 128]


def test_load_bytes_and_splat():
    source, out = numbers(40).astype(np.uint8), np.zeros(32, np.uint16)
    widen(source[3:], out)  # an address without alignment
    np.testing.assert_array_equal(out, source[3:35].astype(np.uint16) * 256)
    fill(40_000, out)
    assert set(out) == {40_000}


def test_transpose_8_columns():
    rows, out = numbers(32, 21), np.zeros((8, 32), np.uint16)
    columns_of(rows[:, 5:], out)
    np.testing.assert_array_equal(out, rows[:, 5:13].T)


def test_transpose_16_bytes_keeps_high_bytes_and_leaves_the_rest_alone():
    columns, canvas = numbers(16, 32), np.full((34, 20), 7, np.uint8)
    rows_of(columns, canvas[1:33, 3:19])
    np.testing.assert_array_equal(canvas[1:33, 3:19], columns.T >> 8)
    canvas[1:33, 3:19] = 7
    assert (canvas == 7).all()
