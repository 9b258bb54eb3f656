"""Kernels for tests of the seek index that need no JPEG: a picture is b"P", a count, then bytes.

Point k of picture p is (k, crc32 of p). Importable by the processes that tests start.
"""

import os
import time
import zlib

import numpy as np

from fasttricks.data.seek_format import Walker

FRAME = np.dtype([("status", "u1"), ("width", "<u2"), ("sizes", "<u2", (3,))])
SEEK = np.dtype([("bit", "<u4"), ("dc", "<i2", (3,))])
REASONS = ("", "not a picture", "ends too soon")


def picture(points, tail=b""):
    return b"P%c" % points + tail


def inspect(data, tile_pixels, out):
    out["status"] = 0
    out["width"] = tile_pixels
    if len(data) < 2 or data[0] != ord("P"):
        out["status"] = 1
        return 0
    out["sizes"] = data[1], 7, len(data) % 1000
    return int(data[1])


def seek_points(data, frame, out):
    assert frame["sizes"][0] == len(out)
    if bytes(data[-3:]) == b"cut":
        return 2
    out["bit"] = np.arange(len(out))
    out["dc"][:, 0] = len(data)
    out["dc"][:, 1:] = np.frombuffer(zlib.crc32(data).to_bytes(4, "little"), "<i2")
    return 0


WALKER = Walker(FRAME, SEEK, REASONS, inspect, seek_points)


def noting(path, pause_s=0.0):
    """As WALKER; appends one byte to the file `path` for each picture looked at."""

    def slow_inspect(data, tile_pixels, out):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, b".")
        os.close(descriptor)
        time.sleep(pause_s)
        return inspect(data, tile_pixels, out)

    return Walker(FRAME, SEEK, REASONS, slow_inspect, seek_points)


def make_pictures(root, count=30, classes=3):
    """Paths of `count` pictures below `root`; every tenth is not a picture."""
    paths = []
    for number in range(count):
        path = root / f"class_{number % classes}" / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number % 7 + 1, b"x" * number) if number % 10 else b"no")
        paths.append(path)
    return paths
