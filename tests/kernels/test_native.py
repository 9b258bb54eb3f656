import numba
import numpy as np

from fasttricks.kernels.native import load_int32, load_int64, load_word, store_int16


@numba.njit
def run(source, target, value):
    at = source.ctypes.data + 1
    store_int16(target.ctypes.data + 1, value)
    return load_word(at), load_int64(at), load_int32(at)


def test_numbers_at_any_address():
    source, target = np.arange(240, 250).astype(np.uint8), np.zeros(5, np.uint8)
    word, wide, narrow = run(source, target, -2 - 2**20)
    eight = source[1:9].tobytes()
    assert word == int.from_bytes(eight, "big")
    assert wide == int.from_bytes(eight, "little", signed=True)
    assert narrow == int.from_bytes(eight[:4], "little", signed=True) < 0
    assert target.tobytes() == b"\0" + (-2).to_bytes(2, "little", signed=True) + b"\0\0"
