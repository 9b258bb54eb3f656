import numpy as np
import pytest

from fasttricks.kernels import plan_reference
from fasttricks.kernels.philox import below, philox, unit
from tests.kernels.interpreted import interpret

# Published with the Random123 library (kat_vectors, philox4x32, 10 rounds): counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((2**32 - 1,) * 4, (2**32 - 1,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected):
    seed = np.uint64(key[0] | key[1] << 32)
    assert tuple(int(x) for x in philox(*counter, seed)) == expected
    assert plan_reference.philox(counter, int(seed)) == expected


def test_agrees_with_the_reference_on_random_counters():
    rng = np.random.default_rng()
    for counter in rng.integers(0, 2**32, (200, 4)):
        seed = int(rng.integers(0, 2**64, dtype=np.uint64))
        expected = plan_reference.philox(tuple(map(int, counter)), seed)
        assert tuple(int(x) for x in philox(*counter, np.uint64(seed))) == expected


def test_triton_gives_the_same_numbers():
    """Device kernels rely on it."""
    lines = interpret("tests.kernels.draw_with_triton").splitlines()
    assert len(lines) == 8
    for line in lines:
        seed, *words = (int(x) for x in line.split())
        assert [int(x) for x in philox(*words[:4], np.uint64(seed))] == words[4:]


def test_unit_is_half_open():
    assert unit(np.uint64(0)) == 0.0
    assert unit(np.uint64(2**32 - 1)) == 1 - 2**-32


def test_below_is_the_upper_half_of_the_product():
    rng = np.random.default_rng()
    for high, low, limit in rng.integers(1, 2**32, (200, 3), dtype=np.uint64):
        expected = (int(high) * 2**32 + int(low)) * int(limit) // 2**64
        assert int(below(high, low, limit)) == expected
