"""Kernels for tests of the seek index that need no JPEG: a picture is b"P", a count, then bytes.

Point k of picture p is (k, crc32 of p). Importable by the processes that tests start.
"""

import os
import time
import zlib

import numpy as np

from fasttricks.data.seek import pictures as seek_pictures


def picture(points, tail=b""):
    return b"P%c" % points + tail


def inspect(data, tile_pixels, out):
    out["status"] = 0
    out["width"] = tile_pixels
    if len(data) < 2 or data[0] != ord("P"):
        out["status"] = 1
        return 0
    out["points"], out["interval"] = data[1], len(data) % 1000
    return int(data[1])


def seek_points(data, frame, out):
    assert frame["points"] == len(out)
    if bytes(data[-3:]) == b"cut":
        return 2
    out["state"] = np.arange(len(out), dtype=np.uint64) + np.uint64(zlib.crc32(data) << 32)
    return 0


def install(setattr=setattr, inspect=inspect):
    """Have pictures looked into by these kernels."""
    setattr(seek_pictures, "inspect", inspect)
    setattr(seek_pictures, "seek_points", seek_points)


def noting(path, pause_s=0.0):
    """As `inspect`; appends one byte to the file `path` for each picture looked at."""

    def slow_inspect(data, tile_pixels, out):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, b".")
        os.close(descriptor)
        time.sleep(pause_s)
        return inspect(data, tile_pixels, out)

    return slow_inspect


def make_pictures(root, count=30, classes=3):
    """Paths of `count` pictures below `root`; every tenth is not a picture."""
    paths = []
    for number in range(count):
        path = root / f"class_{number % classes}" / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number % 7 + 1, b"x" * number) if number % 10 else b"no")
        paths.append(path)
    return paths
