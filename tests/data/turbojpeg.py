"""The system's TurboJPEG library, with the accurate DCT and smooth upsampling, as in pipelines."""

import ctypes
import ctypes.util

import numpy as np
import pytest

_ACCURATE_DCT = 4096
_WARNING = 0


def decoder():
    """A function of encoded bytes, height and width; skips the test where there is no library."""
    name = ctypes.util.find_library("turbojpeg")
    if name is None:
        pytest.skip("no system libturbojpeg")
    library = ctypes.CDLL(name)
    library.tjInitDecompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.tjInitDecompress())

    def decode(data, height, width):
        out = np.zeros((height, width, 3), np.uint8)
        target = out.ctypes.data_as(ctypes.c_void_p)
        size = ctypes.c_ulong(len(data))
        status = library.tjDecompress2(
            handle, data, size, target, width, 0, height, 0, _ACCURATE_DCT
        )
        assert status == 0 or library.tjGetErrorCode(handle) == _WARNING
        return out

    return decode
