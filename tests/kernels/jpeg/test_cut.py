"""What is cut decodes to the pixels of the whole picture."""

import os
import threading

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasttricks.kernels.jpeg.cut import cut, cut_bound, workspace_bytes
from fasttricks.kernels.jpeg.seek import TILE_PIXELS
from tests.data.jpeg_surgery import APP1, with_first
from tests.kernels.jpeg.cuts import (
    as_array,
    check_cut,
    decode,
    edge_boxes,
    indexed,
    look_into,
    random_box,
    run_cut,
    stored,
    take,
)
from tests.kernels.jpeg.writer import LAYOUTS, every_ac_symbol, staircase, write
from tests.pictures import jpeg


def check_boxes(data, seed, boxes=12, tile_pixels=256):
    frame, points = indexed(data, tile_pixels)
    whole = decode(data)
    height, width = whole.shape[:2]
    rng = np.random.default_rng(seed)
    for box in [
        *edge_boxes(height, width),
        *(random_box(rng, height, width) for _ in range(boxes)),
    ]:
        check_cut(data, frame, points, box, whole)


@pytest.mark.parametrize("interval", [0, 1, 2, 5, 7])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_with_and_without_restarts(layout, interval):
    for size in [(90, 110), (33, 47)]:
        made = write(*size, LAYOUTS[layout], seed=interval, interval=interval)
        check_boxes(made.data, seed=interval)


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    layout=st.sampled_from(sorted(LAYOUTS)),
    interval=st.integers(0, 9),
    tile_pixels=st.sampled_from([1, 64, 200, 256, 1024, 10**9]),
    seed=st.integers(0, 2**32),
)
def test_any_picture_any_box(height, width, layout, interval, tile_pixels, seed):
    made = write(height, width, LAYOUTS[layout], seed=seed, interval=interval)
    check_boxes(made.data, seed, boxes=3, tile_pixels=tile_pixels)


ENCODINGS = [
    {"subsampling": 0},
    {"subsampling": 1},
    {"subsampling": 2},
    {"channels": 1},
    {"optimize": True},
    {"optimize": True, "quality": 20},
    {"optimize": True, "channels": 1, "quality": 100},
    {"restart_marker_blocks": 3},
    {"restart_marker_rows": 1, "subsampling": 0},
    {"quality": 1},
    {"quality": 100, "subsampling": 0},
]


@pytest.mark.parametrize("options", ENCODINGS, ids=str)
def test_files_written_by_libjpeg(options):
    rng = np.random.default_rng(len(str(options)))
    for seed in range(8):
        height, width = (int(x) for x in rng.integers(1, 71, 2))
        check_boxes(jpeg(height, width, seed=seed, **options), seed)
    check_boxes(jpeg(200, 301, seed=9, **options), 9, tile_pixels=TILE_PIXELS)


UNUSUAL = [
    {"wide_quantiser": True},
    {"fill": 3, "interval": 4},
    {"ac": every_ac_symbol()},
    {"dc_values": [-1024, 0, 1023]},
    {"dc": staircase([4, 0]), "dc_values": [0, 15]},  # nearly all other categories are missing
]


@pytest.mark.parametrize("options", UNUSUAL, ids=str)
def test_unusual_codes(options):
    check_boxes(write(80, 100, LAYOUTS["4:2:0"], **options).data, seed=1, boxes=40)


def test_differences_that_a_picture_has_no_code_for():
    """Its DC coefficients climb in small steps; from row to row of a cut a step is large."""
    steps = _Climbing(value for _ in range(5) for value in range(0, 700, 7))
    data = write(40, 800, LAYOUTS["grey"], dc=staircase([3, 10, 0]), dc_values=steps).data
    frame, points = indexed(data)
    whole = decode(data)
    for box in [(9, 300, 20, 100), (0, 700, 40, 100), (17, 0, 23, 50)]:
        check_cut(data, frame, points, box, whole)


class _Climbing:
    """For `write`: what it chooses from is each time just the next value."""

    def __init__(self, values):
        self._values = iter(values)

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return next(self._values)


def test_metadata_are_dropped_and_the_picture_is_not_turned():
    turned = with_first(jpeg(64, 96), APP1, b"Exif\0\0II*\0" + b"\x08\0\0\0\x01\0" + b"x" * 60)
    frame, points = indexed(turned)
    small, _ = run_cut(turned, frame, points, (0, 0, 64, 96))
    assert b"Exif" not in small
    np.testing.assert_array_equal(decode(small), decode(turned))


def test_the_part_is_no_larger_than_upsampling_asks_for():
    boxes = {"4:4:4": (32, 40, 16, 24), "4:2:0": (32 + 8, 48 + 8, 16, 16)}
    parts = {"4:4:4": (32, 40, 16, 24), "4:2:0": (32, 48, 32, 32)}
    for layout, box in boxes.items():
        frame, points = indexed(write(120, 130, LAYOUTS[layout]).data, 10**9)
        _, part = run_cut(write(120, 130, LAYOUTS[layout]).data, frame, points, box)
        assert part == parts[layout]


def differs(data, box, points=None, margin=True):
    """Whether a cut's pixels differ from the crop's."""
    frame, good = indexed(data, tile_pixels=1)
    small, (top, left, height, width) = run_cut(
        data, frame, good if points is None else points, box
    )
    whole, pixels = decode(data), decode(small)
    if not margin:  # all that was cut is taken, up to its rim
        return not np.array_equal(pixels, take(whole, (top, left, height, width)))
    inside = (box[0] - top, box[1] - left, box[2], box[3])
    return not np.array_equal(take(pixels, inside), take(whole, box))


@pytest.mark.parametrize("layout", ["4:2:0", "4:2:2", "4:4:0"])
def test_a_cut_without_margin_would_be_wrong(layout):
    data, box = write(100, 120, LAYOUTS[layout], seed=3).data, (40, 40, 20, 20)
    assert not differs(data, box)
    assert differs(data, box, margin=False)


@pytest.mark.parametrize("layout", ["4:4:4", "4:2:0", "grey"])
def test_a_cut_with_differences_copied_as_they_are_would_be_wrong(layout):
    """With a point at each MCU and all predictors 0, re-encoding gives the same code again."""
    data, box = write(100, 120, LAYOUTS[layout], seed=3).data, (40, 40, 20, 20)
    _, points = indexed(data, tile_pixels=1)
    zero = sum(np.uint64(2048) << np.uint64(28 + 12 * c) for c in range(3))
    points["state"] = points["state"] % np.uint64(2**28) | zero
    assert differs(data, box, points)


@numba.njit(nogil=True)
def cut_all(data, frame, points, boxes, out, workspace, results):
    for i in range(len(boxes)):
        b = boxes[i]
        size, top, _, _, _ = cut(data, frame, points, b[0], b[1], b[2], b[3], out, workspace)
        total = 0
        for k in range(size):
            total += (k + 1) * out[k]
        results[i, 0], results[i, 1] = total, top


def test_called_from_numba_and_from_threads():
    data = jpeg(150, 160)
    frame, points = indexed(data)
    rng = np.random.default_rng(6)
    boxes = np.array([random_box(rng, 150, 160) for _ in range(100)])
    results = np.zeros((4, 100, 2), np.int64)

    def work(t):
        out = np.empty(cut_bound(frame), np.uint8)
        workspace = np.empty(workspace_bytes(frame), np.uint8)
        for _ in range(5):
            cut_all(as_array(data), frame, stored(points), boxes, out, workspace, results[t])

    threads = [threading.Thread(target=work, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, box in enumerate(boxes.tolist()):
        small, part = run_cut(data, frame, points, box)
        total = int((as_array(small).astype(np.int64) * np.arange(1, len(small) + 1)).sum())
        assert (results[:, i] == (total, part[0])).all()


ODD_THAT_CAN_BE_CUT = """
s_444.jpg s_440.jpg s_422.jpg s_420-odd-width.jpg s_411.jpg s_411-non-multiple-4-width.jpg
s_2x4.jpg s_chroma_1x2.jpg p_16bit_qtables.jpg r_restarts.jpg r_photoshop_444.jpg r_dri4_420.jpg
r_dri4_422.jpg c_rgb_jpeg.jpg c_rgb_unknown_ids.jpg c_ycck_marker_3comp.jpg
c_adobe_ycc_on_gray.jpg e_truncated_exif.jpg z_huge_16mp_422.jpg z_1000x1.jpg z_1x1000.jpg
b_fill_bytes_before_eoi.jpg b_padded_segments.jpg
"""


def check_files(paths, boxes):
    checked = []
    for path in paths:
        data = path.read_bytes()
        frame, points = look_into(data, TILE_PIXELS)
        if frame["status"] == 0:
            whole = decode(data)
            rng = np.random.default_rng(len(data))
            for box in [random_box(rng, *whole.shape[:2]) for _ in range(boxes)]:
                check_cut(data, frame, points, box, whole)
            checked.append(path.name)
    return checked


def test_real_pictures(shared):
    """One in ten; with FASTTRICKS_ALL_PICTURES=1 all of them, which takes minutes."""
    step = 1 if os.environ.get("FASTTRICKS_ALL_PICTURES") else 10
    paths = sorted(shared("imagenet-sample").glob("*/*"))[::step]
    assert len(check_files(paths, boxes=3)) == len(paths) == 500 // step


def test_odd_pictures(shared):
    checked = check_files(sorted(shared("odd-jpegs").glob("*.jp*g")), boxes=4)
    assert set(ODD_THAT_CAN_BE_CUT.split()) <= set(checked)
    assert not [name for name in checked if name.startswith("p_prog")]
