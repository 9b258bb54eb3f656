import numpy as np
import pytest

from fasttricks.kernels.jpeg.rewrite import ENCODER, HEADER_BYTES, put_dc, write_header
from fasttricks.kernels.jpeg.segments import HEADER, read_header
from tests.data.jpeg_surgery import (
    APP0,
    APP1,
    APP2,
    APP14,
    COM,
    DHT,
    DQT,
    DRI,
    SOF0,
    SOS,
    find,
    segment,
    segments,
    with_first,
)
from tests.kernels.jpeg.cuts import as_array
from tests.kernels.jpeg.writer import LAYOUTS, flat, staircase, standard, value_bits, write
from tests.pictures import jpeg


def rewritten(data, height=24, width=32):
    """A header written for other dimensions, and the encoder for it."""
    header, encoder = np.zeros(1, HEADER)[0], np.zeros(1, ENCODER)[0]
    assert read_header(as_array(data), header) == 0
    out = np.full(HEADER_BYTES, 0xA5, np.uint8)
    size = write_header(as_array(data), header, height, width, out, encoder)
    return out[:size].tobytes(), encoder


def tables_of(data):
    """(class and slot, counts by length, symbols) of all Huffman tables."""
    found = {}
    for marker, pos, end in segments(data):
        at = pos + 4
        while marker == DHT and at < end:
            counts = list(data[at + 1 : at + 17])
            found[data[at]] = counts, list(data[at + 17 : at + 17 + sum(counts)])
            at += 17 + sum(counts)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_says_the_same_as_the_old_header(layout):
    made = write(45, 70, LAYOUTS[layout], interval=5)
    new, _ = rewritten(made.data)
    before, after = np.zeros(2, HEADER)
    assert read_header(as_array(made.data), before) == 0
    assert read_header(as_array(new + bytes(500)), after) == 0
    assert (after["height"], after["width"], after["interval"]) == (24, 32, 0)
    for name in ("components", "process", "blocks", "owner", "id", "h", "v", "quant", "dc", "ac"):
        assert np.array_equal(before[name], after[name]), name


def test_keeps_what_matters_and_drops_the_rest():
    data = jpeg(33, 50, restart_marker_blocks=1)
    for marker, body in [
        (APP14, b"Adobe\0d\0\0\0\0\1"),
        (APP1, b"Exif"),
        (APP2, b"ICC"),
        (COM, b""),
    ]:
        data = with_first(data, marker, body)
    new, _ = rewritten(data)
    markers = [marker for marker, _, _ in segments(new)]
    assert markers == [APP0, APP14, DQT, DHT, DHT, DQT, DHT, DHT, SOF0, SOS]
    assert DRI in [marker for marker, _, _ in segments(data)]
    for marker in (APP0, APP14, SOS):
        assert new[slice(*find(new, marker))] == data[slice(*find(data, marker))]
    assert tables_of(new) == tables_of(data)


def test_a_thumbnail_is_dropped():
    with_thumbnail = b"JFIF\0\1\2\1\0\x48\0\x48\2\1" + bytes(6)
    new, _ = rewritten(with_first(write(8, 8).data, APP0, with_thumbnail))
    assert new[slice(*find(new, APP0))] == with_thumbnail[:12] + b"\0\0"


def test_wide_quantisation_tables():
    data = write(20, 20, wide_quantiser=True).data
    new, _ = rewritten(data)
    start, end = find(new, DQT)
    assert end - start == 129
    assert new[start:end] in data


def codes_of(counts, symbols):
    """{symbol: code}; fails if there are more codes than fit, or one of all ones."""
    found, code, at = {}, 0, 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[at : at + count]:
            assert code < (1 << length) - 1
            found[symbol] = f"{code:0{length}b}"
            code += 1
        at += count
        code <<= 1
    return found


OWN_DC = {
    "standard": standard(0),
    "one symbol": staircase([0]),
    "two symbols": staircase([4, 0]),
    "eleven symbols": staircase([0, *range(2, 12)]),
    "all but one, balanced": flat([0, *range(2, 12)], 4),
    "with larger ones than usual": staircase([0, 15, 13]),
    "as long as can be": flat([0, 3], 16),
}


@pytest.mark.parametrize("name", OWN_DC)
def test_dc_tables_are_completed(name):
    own = OWN_DC[name]
    new, encoder = rewritten(write(20, 20, LAYOUTS["grey"], dc=own, dc_values=[0]).data)
    counts, symbols = tables_of(new)[0]
    codes = codes_of(counts, symbols)
    assert own.codes.items() <= codes.items()
    assert set(codes) == set(range(12)) | set(own.symbols)
    for category, code in codes.items():
        assert encoder["length"][0, category] == len(code)
        assert encoder["code"][0, category] == int(code, 2)
    for category in set(range(16)) - set(codes):
        assert encoder["length"][0, category] == 0


def test_a_table_without_room_stays_as_it_is():
    own = staircase([0, 1, 2, 3, 12, 13, 14, 15])
    own = type(own)([*own.lengths[:-1], 16], own.symbols)  # 1111111 and nine more bits
    assert own.codes[15] == "1111111000000000"
    dense = type(own)([*range(1, 16), 16], [0] * 15 + [1])
    new, encoder = rewritten(write(20, 20, LAYOUTS["grey"], dc=dense, dc_values=[0]).data)
    counts, symbols = tables_of(new)[0]
    assert (counts, symbols) == ([1] * 16, [0] * 15 + [1])
    assert encoder["length"][0].tolist() == [15, 16] + [0] * 14
    assert put_dc(np.zeros(20, np.uint8), 3, 2, 0, encoder) == -1


@pytest.mark.parametrize("name", ["standard", "two symbols", "with larger ones than usual"])
def test_differences_are_written_as_the_slow_encoder_does(name):
    new, encoder = rewritten(write(20, 20, LAYOUTS["grey"], dc=OWN_DC[name], dc_values=[0]).data)
    codes = codes_of(*tables_of(new)[0])
    for difference in [0, 1, -1, 2, -2, 3, 7, -8, 100, -1023, 1024, -2047, 2047]:
        bits = np.zeros(20, np.uint8)
        expected = codes[abs(difference).bit_length()] + value_bits(difference)
        assert put_dc(bits, 5, difference, 0, encoder) == 5 + len(expected)
        assert "".join(map(str, np.unpackbits(bits)))[5 : 5 + len(expected)] == expected
    for difference in (2048, -5000, 40000, -(2**40)):
        fits = difference.bit_length() in codes
        assert (put_dc(np.zeros(20, np.uint8), 5, difference, 0, encoder) >= 0) == fits


def test_the_longest_header_has_room():
    """Three components with tables of their own, 16-bit quantisation, 256 symbols in each table."""
    data = b"\xff\xd8" + segment(APP0, b"JFIF" + bytes(10)) + segment(APP14, b"Adobe" + bytes(7))
    frame, scan = b"\x08\0\x08\0\x08\x03", b"\x03"
    for c in range(3):
        data += segment(DQT, bytes([0x10 | c]) + bytes(128))
        for kind in (0, 1):
            data += segment(DHT, bytes([kind << 4 | c]) + bytes(14) + b"\1\xff" + bytes(256))
        frame += bytes([c, 0x11, c])
        scan += bytes([c, c << 4 | c])
    data += segment(SOF0, frame) + segment(SOS, scan + b"\0\x3f\0")
    new, _ = rewritten(data + bytes(50))
    assert len(new) == len(data) <= HEADER_BYTES
    assert sorted(tables_of(new)) == [0, 1, 2, 16, 17, 18]
