"""Cutting as a user of the kernels does, in buffers that are exactly large enough, and guarded."""

import io

import numpy as np
from PIL import Image

from fasttricks.kernels.jpeg.cut import cut, cut_bound, workspace_bytes
from fasttricks.kernels.jpeg.seek import FRAME, SEEK, inspect, seek_points
from fasttricks.kernels.jpeg.segments import REASONS

GUARD = 40


def as_array(data):
    return np.frombuffer(data, np.uint8)


def look_into(data, tile_pixels=256):
    """(FRAME, SEEK [n]) of a file; `frame["status"]` tells whether they may be used."""
    frame = np.frombuffer(b"\xa5" * FRAME.itemsize, FRAME).copy()[0]
    points = np.zeros(inspect(as_array(data), tile_pixels, frame), SEEK)
    if len(points):
        assert seek_points(as_array(data), frame, points) == frame["status"]
    return frame, points


def indexed(data, tile_pixels=256):
    """The same of a file that can be cut."""
    frame, points = look_into(data, tile_pixels)
    assert frame["status"] == 0, REASONS[frame["status"]]
    return frame, points


def numbers(frame):
    """The MCU numbers of all points, in their order, as the documentation says."""
    width, rows = int(frame["mcus_per_row"]), int(frame["mcu_rows"])
    tile, interval = int(frame["tile"]), int(frame["interval"])
    grid = [r * width + t for r in range(rows) for t in range(0, width, tile)]
    restarts = range(interval, rows * width, interval) if interval else []
    return [*grid, rows * width, *restarts]


def guarded(size):
    """A dirty array, and a function that tells whether the bytes around it are untouched."""
    memory = np.random.default_rng(0).integers(0, 256, size + 2 * GUARD).astype(np.uint8)
    around = memory.copy()

    def untouched():
        same = memory == around
        return same[:GUARD].all() and same[GUARD + size :].all()

    return memory[GUARD : GUARD + size], untouched


def stored(points):
    """The same points as they may lie in an index: read-only, at any address."""
    return np.frombuffer(b"x" + points.tobytes(), SEEK, len(points), 1)


def run_cut(data, frame, points, box):
    """The cut's bytes, and the (top, left, height, width) of the picture that it holds."""
    out, out_untouched = guarded(cut_bound(frame))
    workspace, workspace_untouched = guarded(workspace_bytes(frame))
    size, *part = cut(as_array(data), frame, stored(points), *box, out, workspace)
    assert out_untouched()
    assert workspace_untouched()
    return out[:size].tobytes(), tuple(part)


def decode(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def take(pixels, box):
    top, left, height, width = box
    return pixels[top : top + height, left : left + width]


def check_cut(data, frame, points, box, whole):
    """Cut then decoded equals decoded then cropped, bit for bit; the part that was cut."""
    small, part = run_cut(data, frame, points, box)
    assert small
    top, left, height, width = part
    assert 0 <= top <= box[0] < box[0] + box[2] <= top + height <= frame["height"]
    assert 0 <= left <= box[1] < box[1] + box[3] <= left + width <= frame["width"]
    pixels = decode(small)
    assert pixels.shape[:2] == (height, width)
    inside = (box[0] - top, box[1] - left, box[2], box[3])
    np.testing.assert_array_equal(take(pixels, inside), take(whole, box))
    assert look_into(small)[0]["status"] == 0  # not a bit too many or too few
    return part


def random_box(rng, height, width):
    """Any box; often small, or touching an edge."""
    sides = []
    for size in (height, width):
        count = int(rng.integers(1, size + 1)) if rng.random() < 0.7 else min(size, 1)
        first = int(rng.integers(0, size - count + 1))
        if rng.random() < 0.3:
            first = int(rng.choice([0, size - count]))
        sides.append((first, count))
    (top, h), (left, w) = sides
    return top, left, h, w


def edge_boxes(height, width):
    """The whole picture, its corners' pixels, and lines along its edges."""
    bottom, right = height - 1, width - 1
    yield 0, 0, height, width
    for top in {0, bottom}:
        for left in {0, right}:
            yield top, left, 1, 1
    yield from [(0, 0, 1, width), (bottom, 0, 1, width), (0, 0, height, 1), (0, right, height, 1)]
