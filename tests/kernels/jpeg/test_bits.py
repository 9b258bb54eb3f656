import numpy as np
import pytest

from fasttricks.kernels.jpeg.bits import (
    PAD,
    copy_bits,
    count_ff,
    load_word,
    peek,
    put,
    store_word,
    stuff,
    unstuff,
)

GUARD = 0x5A


def random_bytes(rng, size, share_of_ff):
    data = rng.integers(0, 256, size).astype(np.uint8)
    data[rng.random(size) < share_of_ff] = 0xFF
    return data


def stuffed(clean):
    return clean.tobytes().replace(b"\xff", b"\xff\x00")


def bits_of(data):
    return np.unpackbits(np.asarray(data, np.uint8))


SHARES = [0.0, 1 / 256, 0.1, 1.0]


@pytest.mark.parametrize("share", SHARES)
def test_stuffing_and_unstuffing(share):
    rng = np.random.default_rng(0)
    for size in [0, 1, 2, 127, 128, 129, 255, 256, 257, *rng.integers(0, 2000, 30)]:
        clean = random_bytes(rng, int(size), share)
        raw = np.frombuffer(stuffed(clean), np.uint8)
        out = np.full(len(raw) + 9, GUARD, np.uint8)
        assert stuff(clean, len(clean), out[: len(raw) + 4], 4) == len(raw) + 4
        assert out[4:-5].tobytes() == raw.tobytes()
        assert (out[:4] == GUARD).all()
        assert (out[-5:] == GUARD).all()
        again = np.full(len(raw) + 9, GUARD, np.uint8)
        assert unstuff(raw, 0, len(raw), again[: len(raw) + 4], 4) == (len(clean) + 4, len(raw))
        assert again[4 : 4 + len(clean)].tobytes() == clean.tobytes()
        assert (again[:4] == GUARD).all()
        assert (again[-5:] == GUARD).all()
        half = len(clean) // 2
        stuffed_before = clean[:half].tobytes().count(0xFF)
        assert count_ff(clean, 0, half) == stuffed_before
        assert count_ff(clean, half, len(clean)) == len(raw) - len(clean) - stuffed_before


@pytest.mark.parametrize("share", SHARES)
def test_stuffing_into_too_little_room(share):
    clean = random_bytes(np.random.default_rng(1), 300, share)
    needed = len(stuffed(clean))
    for room in {0, 1, 127, 128, 129, needed // 2, needed - 2, needed - 1}:
        out = np.full(needed + 9, GUARD, np.uint8)
        assert stuff(clean, len(clean), out[:room], 0) == -1
        assert (out[room:] == GUARD).all()


@pytest.mark.parametrize("marker", [0x01, 0xD0, 0xD9, 0xFF])
def test_unstuffing_ends_at_a_marker(marker):
    rng = np.random.default_rng(marker)
    for before in [0, 1, 5, 126, 127, 128, 129, 200]:
        clean = random_bytes(rng, before, 0.01)
        raw = np.frombuffer(stuffed(clean) + bytes([0xFF, marker]) + b"more" * 90, np.uint8)
        out = np.zeros(len(raw), np.uint8)
        assert unstuff(raw, 0, len(raw), out, 0) == (before, len(stuffed(clean)))
        assert out[:before].tobytes() == clean.tobytes()


def test_a_range_may_end_between_ff_and_what_follows():
    raw = np.frombuffer(b"ab\xff\x00cd", np.uint8)
    out = np.zeros(8, np.uint8)
    assert unstuff(raw, 1, 3, out, 0) == (2, 3)
    assert out[:2].tobytes() == b"b\xff"
    assert unstuff(raw, 1, 4, out, 0) == (2, 4)


@pytest.mark.parametrize("share", SHARES)
def test_parts_of_longer_data(share):
    """What stands outside the range is looked at, and must not matter."""
    rng = np.random.default_rng(3)
    clean = random_bytes(rng, 700, share)
    raw = np.frombuffer(stuffed(clean), np.uint8)
    for _ in range(100):
        begin, end = np.sort(rng.integers(0, 701, 2)).tolist()
        first, last = (len(stuffed(clean[:n])) for n in (begin, end))
        found = np.full(800, GUARD, np.uint8)
        size = int(rng.integers(0, 20))
        assert unstuff(raw, first, last, found, size) == (size + end - begin, last)
        assert found[size : size + end - begin].tobytes() == clean[begin:end].tobytes()
        assert (found[:size] == GUARD).all()
        out = np.full(2000, GUARD, np.uint8)
        assert stuff(clean[begin:], end - begin, out, size) == size + last - first
        assert out[size : size + last - first].tobytes() == raw[first:last].tobytes()
        assert (out[:size] == GUARD).all()


def test_words():
    data = np.arange(20, dtype=np.uint8)
    assert load_word(data, 3) == 0x030405060708090A
    assert peek(data, 27) == (0x030405060708090A << 3) % 2**64
    store_word(data, 5, np.uint64(0x1122334455667788))
    assert data[4:14].tolist() == [4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 13]


def test_put_and_copy_bits():
    """Pieces one after the other, of any length and from any place, against strings of bits."""
    rng = np.random.default_rng(2)
    source = np.zeros(700 + PAD, np.uint8)
    source[:700] = random_bytes(rng, 700, 0.2)
    bits = bits_of(source)
    for _ in range(200):
        clean = rng.integers(0, 256, 1500).astype(np.uint8)
        at = int(rng.integers(0, 40))
        clean[at >> 3] &= 0xFF00 >> (at & 7) & 0xFF
        expected = [bits_of(clean)[:at]]
        for _ in range(8):
            if rng.random() < 0.5:
                count, value = int(rng.integers(1, 33)), int(rng.integers(0, 2**40))
                assert put(clean, at, value, count) == at + count
                piece = bits_of(list(value.to_bytes(8, "big")))[64 - count :]
            else:
                begin = int(rng.integers(0, 3000))
                end = begin + int(rng.choice([0, 1, 7, 8, 63, 64, 65, rng.integers(0, 1200)]))
                count = end - begin
                assert copy_bits(source, begin, end, clean, at) == at + count
                piece = bits[begin:end]
            at += count
            expected.append(piece)
        np.testing.assert_array_equal(bits_of(clean)[:at], np.concatenate(expected))
        assert not bits_of(clean)[at : -(-at // 8) * 8].any()
