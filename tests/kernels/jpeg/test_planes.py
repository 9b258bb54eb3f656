import numba
import numpy as np
import pytest

from fasttricks.kernels.jpeg.planes import (
    FULL,
    GREY,
    HALF_BOTH,
    HALF_WIDTH,
    OTHER,
    PLANES,
    SPILL,
    kind_of,
    lay_planes,
    planes_bound,
    write_pixels,
)
from fasttricks.kernels.jpeg.segments import HEADER, read_header
from tests.data.jpeg_surgery import segment, with_first
from tests.kernels.jpeg.test_colour import defined
from tests.kernels.jpeg.writer import LAYOUTS, write
from tests.pictures import jpeg

KINDS = {"grey": GREY, "4:4:4": FULL, "4:2:2": HALF_WIDTH, "4:2:0": HALF_BOTH}


@numba.njit
def _kind_of(data, header):
    return kind_of(data, header[0])


def header_of(data):
    array, header = np.frombuffer(data, np.uint8), np.zeros(1, HEADER)
    assert read_header(array, header[0]) == 0
    return array, header


def kind(data):
    return _kind_of(*header_of(data))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_kinds_of_layouts(layout):
    expected = GREY if layout.startswith("grey") else KINDS.get(layout, OTHER)
    assert kind(write(40, 40, LAYOUTS[layout]).data) == expected


def adobe(transform):
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def test_three_components_that_may_be_something_else():
    plain = write(40, 40, LAYOUTS["4:4:4"]).data
    assert kind(plain[:2] + adobe(1) + plain[2:]) == FULL
    assert kind(plain[:2] + adobe(0) + plain[2:]) == OTHER  # RGB
    jfif = jpeg(40, 40, subsampling=0)
    assert kind(with_first(jfif, 0xEE, adobe(0)[4:])) == FULL  # as libjpeg: JFIF counts
    at = plain.index(b"\xff\xc0")
    for c, name in enumerate(b"RGB"):
        plain = bytearray(plain)
        scan = bytes(plain).index(b"\xff\xda")
        plain[at + 10 + 3 * c] = plain[scan + 5 + 2 * c] = name
    assert kind(bytes(plain)) == OTHER


@numba.njit
def _lay(header, kind_, corner, mcus, planes):
    return lay_planes(header[0], kind_, corner, mcus, planes[0])


@numba.njit
def _write(header, planes, samples, top, left, height, width, out):
    write_pixels(header[0], planes[0], samples, top, left, height, width, out)


def doubled(plane, axis):
    """Twice as many samples along an axis: 3 / 4 and 1 / 4, edges repeated; float64."""
    plane = np.moveaxis(plane, axis, 0)
    before = np.concatenate([plane[:1], plane[:-1]])
    behind = np.concatenate([plane[1:], plane[-1:]])
    both = np.stack([0.75 * plane + 0.25 * before, 0.75 * plane + 0.25 * behind], axis=1)
    return np.moveaxis(both.reshape(-1, *plane.shape[1:]), 0, axis)


@pytest.mark.parametrize("layout", KINDS)
def test_pixels_are_those_of_the_definition(layout):
    rng = np.random.default_rng(1)
    for height, width in [(33, 45), (16, 16), (9, 70)]:
        _, header = header_of(write(height, width, LAYOUTS[layout]).data)
        rows, columns = int(header["mcu_rows"][0]), int(header["mcus_per_row"][0])
        planes = np.zeros(1, PLANES)
        size = _lay(header, KINDS[layout], (0, 0), (rows, columns), planes)
        down, across = int(header["mcu_height"][0]), int(header["mcu_width"][0])
        assert size <= planes_bound(rows * down, columns * across)
        samples = rng.integers(0, 256, size + 16).astype(np.uint8)
        whole = []
        for c in range(int(header["components"][0])):
            h, v = int(header["h"][0][c]), int(header["v"][0][c])
            start, stride = int(planes["start"][0][c]), int(planes["stride"][0][c])
            sides = -(-height * v * 8 // down), -(-width * h * 8 // across)
            plane = np.lib.stride_tricks.as_strided(samples[start:], sides, (stride, 1))
            plane = plane.astype(np.float64)
            if h * 8 < across:
                plane = doubled(plane, 1)
            if v * 8 < down:
                plane = doubled(plane, 0)
            whole.append(plane[:height, :width])
        flat = np.full_like(whole[0], 128)
        expected = defined(*(whole if len(whole) == 3 else [whole[0], flat, flat]))
        for top, left, h, w in [(0, 0, height, width), (3, 5, 4, 7), (height - 1, width - 1, 1, 1)]:
            out = np.full(3 * h * w + SPILL, 9, np.uint8)
            _write(header, planes, samples, top, left, h, w, out)
            pixels = out[: 3 * h * w].reshape(h, w, 3)
            # Chroma is rounded to a level first: 0.5 x 1.772, and the result.
            error = np.abs(pixels - expected[top : top + h, left : left + w])
            assert error.max() < 0.5 * 1.772 + 0.51
