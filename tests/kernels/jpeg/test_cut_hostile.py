"""What cannot be cut is refused, and nothing outside the arrays is read or written."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fasttricks.kernels.jpeg.cut import cut, cut_bound, workspace_bytes
from fasttricks.kernels.jpeg.seek import FRAME
from tests.data.jpeg_surgery import scan_start
from tests.kernels.jpeg.cuts import (
    as_array,
    check_cut,
    decode,
    indexed,
    look_into,
    random_box,
    run_cut,
    stored,
)
from tests.kernels.jpeg.writer import write
from tests.pictures import jpeg

NOTHING = (0, 0, 0, 0)
BAD_BOXES = [
    (-1, 0, 5, 5),
    (0, -1, 5, 5),
    (0, 0, 0, 5),
    (0, 0, 5, 0),
    (0, 0, -3, 5),
    (60, 0, 5, 5),
    (0, 92, 5, 5),
    (2**40, 0, 5, 5),
    (0, 0, 2**40, 5),
]


@pytest.mark.parametrize("box", BAD_BOXES)
def test_boxes_outside_the_picture_are_refused(box):
    data = jpeg(64, 96)
    assert run_cut(data, *indexed(data), box) == (b"", NOTHING)


def refused(data, frame, points, out_size=None, workspace_size=None):
    out = np.empty(cut_bound(frame) if out_size is None else out_size, np.uint8)
    room = workspace_bytes(frame) if workspace_size is None else workspace_size
    workspace = np.empty(room, np.uint8)
    return cut(as_array(data), frame, stored(points), 8, 8, 40, 50, out, workspace)[0] == 0


def test_small_buffers_are_refused_and_large_enough_ones_not():
    data = jpeg(200, 200, quality=100)
    frame, points = indexed(data)
    small, _ = run_cut(data, frame, points, (8, 8, 40, 50))
    for size in [0, 1, 500, 2000]:
        assert refused(data, frame, points, out_size=size)
        assert refused(data, frame, points, workspace_size=size)
    assert len(small) > 3000  # room for the longest header is asked for in any case
    for size in range(len(small) - 300, len(small)):
        assert refused(data, frame, points, out_size=size)
    assert not refused(data, frame, points, out_size=len(small))


def test_an_index_that_does_not_fit_is_refused():
    data, other = jpeg(64, 96), jpeg(64, 97)
    frame, points = indexed(data)
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
    for interval in (0, 3):
        data = write(70, 90, seed=2, interval=interval).data
        frame, points = indexed(data)
        for _ in range(300):
            wrong = points.copy()
            chosen = rng.integers(0, len(wrong), 3)
            wrong["state"][chosen] = rng.integers(0, 2**63, 3) >> rng.integers(0, 63, 3)
            run_cut(data, frame, wrong, random_box(rng, 70, 90))


NOT_DECODABLE = (OSError, SyntaxError, Image.DecompressionBombError)


def survives(data):
    """Indexing and cutting raise nothing and stay inside their arrays; pixels are PIL's."""
    frame, points = look_into(data)
    if frame["status"] == 0:
        height, width = int(frame["height"]), int(frame["width"])
        box = (height // 3, width // 3, height - height // 3, width - width // 3)
        small, _ = run_cut(data, frame, points, box)
        with contextlib.suppress(*NOT_DECODABLE):
            whole = decode(data)
            if small:
                check_cut(data, frame, points, box, whole)


BASES = [write(30, 40, seed=1, interval=i).data for i in (0, 3)] + [jpeg(40, 30, channels=1)]
edits = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6)


@settings(max_examples=300, deadline=None)
@given(base=st.sampled_from(BASES), edits=edits, end=st.integers(0, 3000))
def test_hostile_bytes_in_good_files(base, edits, end):
    data = bytearray(base)
    for at, value in edits:
        data[at % len(data)] = value
    survives(bytes(data[: max(end, 1)]) if end < 300 else bytes(data))


@settings(max_examples=200, deadline=None)
@given(base=st.sampled_from(BASES), tail=st.binary(max_size=600))
def test_hostile_entropy_coded_data(base, tail):
    survives(base[: scan_start(base)] + tail)
    survives(base[: scan_start(base)] + tail.replace(b"\xff", b"\xff\0") + b"\xff\xd9")


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_hostile_bytes_from_the_beginning(data):
    survives(data)
    survives(b"\xff\xd8\xff" + data)
