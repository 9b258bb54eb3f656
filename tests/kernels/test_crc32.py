import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fasttricks.kernels.crc32 import crc32


def test_the_published_check_value():
    assert crc32(np.frombuffer(b"123456789", np.uint8), np.uint32(0)) == 0xCBF43926


@given(st.binary(max_size=100), st.integers(0, 2**32 - 1))
def test_as_zlib(content, start):
    data = np.frombuffer(content, np.uint8)
    assert crc32(data, np.uint32(start)) == zlib.crc32(content, start)


def test_it_goes_on_from_any_byte():
    data = np.random.default_rng(0).integers(0, 256, 2777, dtype=np.uint8)
    data.flags.writeable = False
    whole = zlib.crc32(data)
    for cut in (0, 1, 7, 8, 9, 1000, 2777):
        assert crc32(data[cut:], crc32(data[:cut], np.uint32(0))) == whole
    assert crc32(data[1:], np.uint32(0)) != whole
