"""What is decoded of a box are libjpeg-turbo's pixels, bit for bit."""

import contextlib

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasttricks.kernels.jpeg.decode import decode, workspace_bound
from fasttricks.kernels.jpeg.planes import SPILL
from fasttricks.kernels.jpeg.seek import FRAME, TILE_PIXELS
from tests.data.jpeg_surgery import scan_start
from tests.kernels.jpeg.cuts import (
    as_array,
    edge_boxes,
    indexed,
    look_into,
    random_box,
    stored,
    take,
)
from tests.kernels.jpeg.decoding import in_rgb, run_decode
from tests.kernels.jpeg.test_cut import ENCODINGS, UNUSUAL
from tests.kernels.jpeg.test_cut_hostile import BAD_BOXES, NOT_DECODABLE, edits
from tests.kernels.jpeg.writer import LAYOUTS, every_ac_symbol, write
from tests.pictures import jpeg

DONE_HERE = ["grey", "grey 2x2", "4:4:4", "4:2:2", "4:2:0"]


def check_boxes(data, seed, boxes=12, tile_pixels=256):
    """All of these boxes are decoded, to the pixels of the whole file."""
    frame, points = indexed(data, tile_pixels)
    whole = in_rgb(data)
    height, width = whole.shape[:2]
    rng = np.random.default_rng(seed)
    random_boxes = (random_box(rng, height, width) for _ in range(boxes))
    for box in [*edge_boxes(height, width), *random_boxes]:
        pixels = run_decode(data, frame, points, box)
        assert pixels is not None, box
        np.testing.assert_array_equal(pixels, take(whole, box), err_msg=str(box))


@pytest.mark.parametrize("layout", DONE_HERE)
def test_every_size_of_every_layout(layout):
    for height, width in [(1, 5), (7, 8), (8, 9), (16, 17), (33, 31), (90, 110), (15, 250)]:
        check_boxes(write(height, width, LAYOUTS[layout], seed=height, quantiser=2).data, height)


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(5, 90),
    layout=st.sampled_from(DONE_HERE),
    tile_pixels=st.sampled_from([1, 64, 200, 256, 1024, 10**9]),
    seed=st.integers(0, 2**32),
)
def test_any_picture_any_box(height, width, layout, tile_pixels, seed):
    data = write(height, width, LAYOUTS[layout], seed=seed, quantiser=1).data
    check_boxes(data, seed, boxes=3, tile_pixels=tile_pixels)


@pytest.mark.parametrize("options", ENCODINGS, ids=str)
def test_files_written_by_libjpeg(options):
    rng = np.random.default_rng(len(str(options)))
    for seed in range(8):
        height, width = int(rng.integers(1, 71)), int(rng.integers(5, 71))
        check_boxes(jpeg(height, width, seed=seed, **options), seed)
    check_boxes(jpeg(200, 301, seed=9, **options), 9, tile_pixels=TILE_PIXELS)


@pytest.mark.parametrize("layout", DONE_HERE)
@pytest.mark.parametrize("options", UNUSUAL, ids=str)
def test_unusual_codes_give_the_same_or_nothing(layout, options):
    data = write(80, 100, LAYOUTS[layout], **{"quantiser": 1, **options}).data
    frame, points = indexed(data)
    whole, rng = in_rgb(data), np.random.default_rng(4)
    for box in [random_box(rng, 80, 100) for _ in range(20)]:
        pixels = run_decode(data, frame, points, box)
        if pixels is not None:
            np.testing.assert_array_equal(pixels, take(whole, box))


def test_coefficients_beyond_all_measure_give_the_same_or_nothing():
    """Sums overflow: libjpeg-turbo computes with 16 bits, and has a way of its own with zeros."""
    given_up = 0
    for seed in range(60):
        data = write(30, 40, LAYOUTS[DONE_HERE[seed % 5]], seed=seed, quantiser=6 + 4 * seed).data
        frame, points = indexed(data)
        pixels = run_decode(data, frame, points, (0, 0, 30, 40))
        if pixels is None:
            given_up += 1
        else:
            np.testing.assert_array_equal(pixels, in_rgb(data))
    assert 5 < given_up < 50


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - set(DONE_HERE)))
def test_other_layouts_are_left_alone(layout):
    data = write(60, 70, LAYOUTS[layout]).data
    assert run_decode(data, *indexed(data), (10, 10, 20, 20)) is None


@pytest.mark.parametrize("layout", ["4:2:2", "4:2:0"])
def test_chroma_that_is_not_doubled_smoothly_is_left_alone(layout):
    for width in range(1, 12):
        data = write(20, width, LAYOUTS[layout]).data
        pixels = run_decode(data, *indexed(data), (0, 0, 20, width))
        assert (pixels is None) == (width < 5)


@pytest.mark.parametrize("interval", [1, 2, 3, 4, 5, 7, 10, 13, 19, 20, 21])
@pytest.mark.parametrize("layout", ["grey", "4:2:0"])
def test_restart_markers(interval, layout):
    """Of rows of 5 MCUs, or 10 in grey: runs begin anywhere, at both rows' own places."""
    data = write(90, 75, LAYOUTS[layout], seed=interval, quantiser=1, interval=interval).data
    for tile_pixels in (64, 10**9):
        check_boxes(data, interval, tile_pixels=tile_pixels)


def test_a_missing_restart_marker_is_damage():
    data = write(64, 80, interval=2, quantiser=1).data
    frame, points = indexed(data)
    assert run_decode(data, frame, points, (0, 0, 64, 80)) is not None
    at = data.index(b"\xff\xd0", scan_start(data))
    for marker in (b"\xff\x00", b"\xff\xd9", b"\x00\xd0"):
        damaged = data[:at] + marker + data[at + 2 :]
        assert run_decode(damaged, frame, points, (0, 0, 64, 80)) is None


def test_codes_that_are_too_long_to_be_looked_up_at_once():
    check_boxes(write(80, 100, ac=every_ac_symbol(), quantiser=1).data, seed=5)


@pytest.mark.parametrize("box", BAD_BOXES)
def test_boxes_outside_the_picture_are_refused(box):
    data = jpeg(64, 96)
    frame, points = indexed(data)
    out, workspace = np.empty(9**5, np.uint8), np.empty(workspace_bound(frame), np.uint8)
    assert not decode(as_array(data), frame, stored(points), *box, out, workspace)


def refused(data, frame, points, out_size=3 * 40 * 50 + SPILL, workspace_size=None):
    room = workspace_bound(frame) if workspace_size is None else workspace_size
    memory = np.empty(room + 64, np.uint8)
    aligned = -memory.ctypes.data % 64
    out, workspace = np.empty(out_size, np.uint8), memory[aligned : aligned + room]
    return not decode(as_array(data), frame, stored(points), 8, 8, 40, 50, out, workspace)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_small_buffers_are_refused_and_large_enough_ones_not(subsampling):
    data = jpeg(200, 200, quality=100, subsampling=subsampling)
    frame, points = indexed(data)
    assert not refused(data, frame, points)
    assert refused(data, frame, points, out_size=3 * 40 * 50 + SPILL - 1)
    sizes = range(0, workspace_bound(frame), 509)
    enough = [not refused(data, frame, points, workspace_size=size) for size in sizes]
    assert 20 < enough.count(False) < len(enough)
    assert enough == sorted(enough)  # from some size on


def test_an_index_that_does_not_fit_is_refused():
    data, other = jpeg(64, 96), jpeg(64, 97)
    frame, points = indexed(data)
    assert not refused(data, frame, points)
    assert refused(other, frame, points)
    assert refused(data[: len(data) // 2], frame, points)
    assert refused(b"", frame, points)
    assert refused(data, frame, points[:-1])
    for name in set(FRAME.names) - {"reserved"}:
        for value in {0, 1, 255} - {int(frame[name])}:
            changed = frame.copy()
            changed[name] = value
            assert refused(data, changed, points), (name, value)


def test_hostile_points():
    rng = np.random.default_rng(5)
    data = write(70, 90, seed=2, quantiser=1).data
    frame, points = indexed(data)
    for _ in range(400):
        wrong = points.copy()
        chosen = rng.integers(0, len(wrong), 3)
        wrong["state"][chosen] = rng.integers(0, 2**63, 3) >> rng.integers(0, 63, 3)
        run_decode(data, frame, wrong, random_box(rng, 70, 90))


def survives(data):
    """Nothing is raised or written outside; pixels are PIL's where it reads the file at all."""
    frame, points = look_into(data)
    if frame["status"] == 0:
        height, width = int(frame["height"]), int(frame["width"])
        box = (height // 3, width // 3, height - height // 3, width - width // 3)
        pixels = run_decode(data, frame, points, box)
        with contextlib.suppress(*NOT_DECODABLE):
            whole = in_rgb(data)
            if pixels is not None:
                np.testing.assert_array_equal(pixels, take(whole, box))


BASES = [
    *(write(30, 40, LAYOUTS[layout], seed=1, quantiser=2).data for layout in DONE_HERE),
    *(write(40, 60, seed=1, quantiser=2, interval=interval).data for interval in (2, 3)),
    jpeg(40, 30, channels=1),
]


@settings(max_examples=300, deadline=None)
@given(base=st.sampled_from(BASES), edits=edits)
def test_hostile_bytes_in_good_files(base, edits):
    data = bytearray(base)
    for at, value in edits:
        data[at % len(data)] = value
    survives(bytes(data))


@settings(max_examples=200, deadline=None)
@given(base=st.sampled_from(BASES), tail=st.binary(max_size=600))
def test_hostile_entropy_coded_data(base, tail):
    survives(base[: scan_start(base)] + tail.replace(b"\xff", b"\xff\0") + b"\xff\xd9")


@numba.njit(nogil=True)
def decode_both(data, frame, points, box, out, workspace):
    top, left, height, width = box
    return decode(data, frame, points, top, left, height, width, out, workspace)


def test_damage_behind_the_index_is_noticed_or_harmless():
    """A file that changes between indexing and decoding gives an answer or none, and no crash."""
    data = bytearray(jpeg(120, 90, quality=95))
    frame, points = indexed(bytes(data))
    rng = np.random.default_rng(0)
    begin = scan_start(bytes(data))
    refusals = 0
    for _ in range(200):
        changed = bytearray(data)
        for at in rng.integers(begin, len(data), 5):
            changed[at] = rng.integers(0, 256)
        refusals += run_decode(bytes(changed), frame, points, (5, 5, 100, 80)) is None
    assert refusals > 20


def test_called_from_numba():
    data = jpeg(50, 60)
    frame, points = indexed(data)
    out, workspace = (
        np.empty(3 * 20 * 30 + SPILL, np.uint8),
        np.empty(workspace_bound(frame), np.uint8),
    )
    assert decode_both(as_array(data), frame, stored(points), (9, 8, 20, 30), out, workspace)
    here = out[: 3 * 20 * 30].reshape(20, 30, 3)
    np.testing.assert_array_equal(here, take(in_rgb(data), (9, 8, 20, 30)))


def check_files(paths, boxes):
    """The names of the files that were decoded here."""
    decoded = []
    for path in paths:
        data = path.read_bytes()
        frame, points = look_into(data, TILE_PIXELS)
        if frame["status"] == 0:
            whole = in_rgb(data)
            rng = np.random.default_rng(len(data))
            made = []
            for box in [random_box(rng, *whole.shape[:2]) for _ in range(boxes)]:
                pixels = run_decode(data, frame, points, box)
                made.append(pixels is not None)
                if pixels is not None:
                    np.testing.assert_array_equal(pixels, take(whole, box), err_msg=path.name)
            if all(made):
                decoded.append(path.name)
    return decoded


def test_real_pictures(shared):
    paths = sorted(shared("imagenet-sample").glob("*/*"))[::10]
    assert len(check_files(paths, boxes=3)) == len(paths)


def test_odd_pictures(shared):
    decoded = check_files(sorted(shared("odd-jpegs").glob("*.jp*g")), boxes=4)
    assert {"s_444.jpg", "s_422.jpg", "s_420-odd-width.jpg", "r_restarts.jpg"} <= set(decoded)
    assert not {"s_411.jpg", "s_440.jpg", "c_rgb_jpeg.jpg"} & set(decoded)
