import numpy as np
import pytest

from fasttricks.kernels.jpeg.points import FRAME, MOST_BYTES, point_bit, point_dc
from fasttricks.kernels.jpeg.seek import TILE_PIXELS, inspect, seek_points
from fasttricks.kernels.jpeg.segments import (
    BAD_RESTARTS,
    CORRUPT,
    NO_END,
    OK,
    PROGRESSIVE,
    REASONS,
    SEVERAL_SCANS,
    TOO_LARGE,
)
from tests.data.jpeg_surgery import patched, scan_start
from tests.kernels.jpeg.cuts import as_array, indexed, look_into, numbers
from tests.kernels.jpeg.writer import LAYOUTS, write
from tests.pictures import jpeg


@pytest.mark.parametrize("interval", [0, 1, 3, 4, 1000])
@pytest.mark.parametrize("layout", ["grey", "4:2:0", "2x4", "chroma 1x2"])
def test_points_are_where_the_encoder_wrote_mcus(layout, interval):
    for tile_pixels in (1, 256, 500, TILE_PIXELS):
        made = write(60, 90, LAYOUTS[layout], seed=interval, interval=interval)
        frame, points = indexed(made.data, tile_pixels)
        assert (frame["begin"], frame["end"]) == (made.begin, made.end)
        where = numbers(frame)
        assert len(points) == len(where) == frame["points"]
        for m, point in zip(where, points, strict=True):
            assert point_bit(point) == made.positions[m]
            assert tuple(point_dc(point, c) for c in range(3)) == made.predictors[m]


def test_predictors_of_either_sign_and_any_size():
    made = write(40, 40, dc_values=[-1023, -1, 0, 1, 1023], seed=3)
    frame, points = indexed(made.data, 1)
    for m, point in zip(numbers(frame), points, strict=True):
        assert tuple(point_dc(point, c) for c in range(3)) == made.predictors[m]


def test_stuffed_bytes_count():
    """A table of long codes of ones makes many of them."""
    made = write(64, 64, LAYOUTS["4:4:4"], dc_values=[-1000, 1000], seed=1)
    assert made.data.count(b"\xff\x00") > 50
    frame, points = indexed(made.data, 1)
    assert [point_bit(p) for p in points] == [made.positions[m] for m in numbers(frame)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_frames(layout):
    made = write(100, 130, LAYOUTS[layout], interval=9)
    frame, _ = look_into(made.data, TILE_PIXELS)
    down, across = int(frame["mcu_height"]), int(frame["mcu_width"])
    assert (frame["height"], frame["width"]) == (100, 130)
    assert frame["components"] == len(LAYOUTS[layout])
    assert frame["mcu_rows"] == -(-100 // down)
    assert frame["mcus_per_row"] == -(-130 // across)
    assert frame["tile"] == min(max(TILE_PIXELS // (down * across), 1), frame["mcus_per_row"])
    assert (frame["interval"], frame["status"], frame["reserved"]) == (9, 0, 0)


def test_frames_of_files_that_cannot_be_cut():
    frame, points = look_into(jpeg(33, 50, progressive=True))
    assert len(points) == 0
    assert frame["status"] == PROGRESSIVE
    assert (frame["height"], frame["width"], frame["components"]) == (33, 50, 3)
    for name in set(FRAME.names) - {"height", "width", "components", "status"}:
        assert frame[name] == 0


def without_restart(data, number):
    marker = bytes([0xFF, 0xD0 + number])
    at = data.index(marker, scan_start(data))
    return data[:at] + data[at + 2 :]


MADE = write(50, 60, interval=4, seed=1)
PLAIN = write(50, 60, seed=1)
DAMAGED = {
    "as it was": (PLAIN.data, OK),
    "as it was, restarts": (MADE.data, OK),
    "cut short": (PLAIN.data[: PLAIN.end - 40], CORRUPT),
    "end marker missing": (PLAIN.data[: PLAIN.end], NO_END),
    "half an end marker": (PLAIN.data[: PLAIN.end + 1], CORRUPT),
    "other marker": (PLAIN.data[: PLAIN.end] + b"\xff\xc4\xff\xd9", NO_END),
    "second scan": (PLAIN.data[: PLAIN.end] + b"\xff\xda\xff\xd9", SEVERAL_SCANS),
    "height comes late": (PLAIN.data[: PLAIN.end] + b"\xff\xdc\0\4\0\x32\xff\xd9", NO_END),
    "a byte too many": (PLAIN.data[: PLAIN.end] + b"\x55\xff\xd9", CORRUPT),
    "restart not announced": (PLAIN.data[: PLAIN.end - 50] + b"\xff\xd0" + bytes(50), CORRUPT),
    "restart missing": (without_restart(MADE.data, 1), CORRUPT),
    "wrong restart": (MADE.data.replace(b"\xff\xd1", b"\xff\xd2"), BAD_RESTARTS),
    "end instead of restart": (MADE.data.replace(b"\xff\xd1", b"\xff\xd9"), BAD_RESTARTS),
    "coefficients too large": (write(50, 60, dc_values=[1023, 1024]).data, CORRUPT),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage(name):
    data, status = DAMAGED[name]
    assert look_into(data)[0]["status"] == status, REASONS[look_into(data)[0]["status"]]


def test_a_file_too_large_for_positions():
    data = PLAIN.data + bytes(MOST_BYTES + 1 - len(PLAIN.data))
    assert look_into(data)[0]["status"] == TOO_LARGE
    assert look_into(data[:-1])[0]["status"] == OK


def test_what_does_not_belong_together_is_refused():
    frame, points = indexed(PLAIN.data)
    for data, wrong in [(PLAIN.data, points[:-1]), (MADE.data, points), (b"", points)]:
        with pytest.raises(ValueError, match="do not belong together"):
            seek_points(as_array(data), frame, wrong)
    frame["tile"] = 0
    with pytest.raises(ValueError, match="do not belong together"):
        seek_points(as_array(PLAIN.data), frame, points)


def test_a_header_cannot_ask_for_more_points_than_there_is_data():
    small = jpeg(16, 16)
    at = small.index(b"\xff\xc0") + 5
    rng = np.random.default_rng(0)
    frame = np.zeros(1, FRAME)[0]
    for _ in range(200):
        height, width = (int(2 ** rng.uniform(0, 16)) for _ in range(2))
        size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
        count = inspect(as_array(patched(small, at, size)), 1, frame)
        assert count <= 4 * len(small) + 1


def test_size_of_the_index(shared):
    pictures = index = 0
    for path in sorted(shared("imagenet-sample").glob("*/*"))[::4]:
        data = path.read_bytes()
        frame, points = indexed(data, TILE_PIXELS)
        pictures += len(data)
        index += frame.nbytes + points.nbytes
    assert index < 0.0235 * pictures  # the file has a little more for each picture
