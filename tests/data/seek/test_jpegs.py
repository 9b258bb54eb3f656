"""The seek index with the kernels for JPEG: building and opening as users do."""

import pickle
import tracemalloc

import numpy as np
import pytest

from fasttricks.data import loose_pictures, scan_folder
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index, ensure_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.kernels.jpeg.seek import FRAME, SEEK, TILE_PIXELS, inspect, seek_points
from fasttricks.kernels.jpeg.segments import REASONS
from tests.pictures import jpeg


@pytest.fixture
def out(tmp_path):
    return tmp_path / "index" / "x.seek"


def check_against_kernels(samples, index):
    """Every entry is what the kernels say of the file, given to them one by one."""
    indexed = 0
    for number in range(len(samples)):
        data, stamp = samples.read_stamped(number)
        found, pixels = index.lookup(number, *stamp), np.frombuffer(data, np.uint8)
        frame = np.zeros(1, FRAME)[0]
        points = np.zeros(inspect(pixels, TILE_PIXELS, frame), SEEK)
        if len(points) == 0 or seek_points(pixels, frame, points):
            assert found is None
            assert index.why(number) == REASONS[frame["status"]] != ""
        else:
            indexed += 1
            assert found[0] == frame
            assert found[1].tobytes() == points.tobytes()
    return indexed


def test_jpegs(picture_folder, out):
    samples = scan_folder(picture_folder)
    index = ensure_index(samples, out)
    progressive = sum(n % 6 == 2 for n in range(37))
    assert check_against_kernels(samples, index) == 37 - progressive
    assert index.summary().reasons == {"progressive": progressive}
    assert check_against_kernels(samples, pickle.loads(pickle.dumps(index))) == 37 - progressive


def test_a_header_that_promises_far_too_much(tmp_path, out):
    """It must not make anybody reserve memory for 14 million points."""
    data = bytearray(jpeg(16, 16))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = (60000).to_bytes(2, "big") * 2
    (tmp_path / "huge.jpg").write_bytes(data)
    samples = Samples([tmp_path / "huge.jpg"])
    ensure_index(samples, out)  # compiles
    tracemalloc.start()
    index = SeekIndex.open(build_index(samples, out.with_name("y.seek"), tile_pixels=64), samples)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert index.summary().reasons == {"damaged picture data": 1}
    assert most < 4e6


def test_real_pictures(shared, out):
    samples = loose_pictures(shared("imagenet-sample"))
    index = ensure_index(samples, out)
    assert check_against_kernels(samples, index) == len(samples)
    summary = index.summary()
    assert summary.file_bytes < 0.025 * summary.picture_bytes


def test_odd_and_hostile_pictures(shared, out):
    samples = loose_pictures(shared("odd-jpegs"))
    assert check_against_kernels(samples, ensure_index(samples, out)) > 10


def test_pictures_in_memory_that_cannot_be_indexed():
    index = ensure_index(Samples([b"", b"x", b"not a picture"]))
    assert len(index) == 3
    assert all(index.lookup(i, n, 0) is None for i, n in enumerate((0, 1, 13)))
