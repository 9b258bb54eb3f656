import numpy as np
import pytest
from PIL import Image

from fasttricks.kernels.jpeg.segments import (
    BAD_HEADER,
    BAD_HUFFMAN,
    BAD_QUANTISATION,
    BAD_SAMPLING,
    CORRUPT,
    HEADER,
    NO_HEIGHT,
    NOT_1_OR_3,
    NOT_8_BIT,
    NOT_JPEG,
    OK,
    OTHER_PROCESS,
    PROGRESSIVE,
    REASONS,
    SEVERAL_SCANS,
    read_header,
)
from tests.data.jpeg_surgery import (
    APP0,
    APP1,
    APP14,
    DHT,
    DQT,
    DRI,
    SOF0,
    SOS,
    find,
    patched,
    scan_start,
    segment,
    with_first,
    without,
)
from tests.kernels.jpeg.writer import LAYOUTS, write
from tests.pictures import encode, jpeg, smooth_picture

BASE = jpeg(33, 50)  # 4:2:0
FRAME_AT = find(BASE, SOF0)[0]
SCAN_AT = find(BASE, SOS)[0]
QUANT_AT = find(BASE, DQT)[0]
HUFFMAN_AT = find(BASE, DHT)[0]


def header_of(data):
    header = np.frombuffer(b"\xa5" * HEADER.itemsize, HEADER).copy()[0]
    return read_header(np.frombuffer(data, np.uint8), header), header


def status_of(data):
    return header_of(data)[0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_geometry(layout):
    factors = LAYOUTS[layout]
    assert header_of(write(45, 70, factors).data)[1]["interval"] == 0
    status, header = header_of(write(45, 70, factors, interval=5).data)
    assert status == OK
    assert (header["height"], header["width"], header["components"]) == (45, 70, len(factors))
    if len(factors) == 1:
        factors = ((1, 1),)
    down, across = 8 * max(v for _, v in factors), 8 * max(h for h, _ in factors)
    assert (header["mcu_height"], header["mcu_width"]) == (down, across)
    assert (header["mcu_rows"], header["mcus_per_row"]) == (-(-45 // down), -(-70 // across))
    owner = [c for c, (h, v) in enumerate(factors) for _ in range(h * v)]
    assert header["owner"][: header["blocks"]].tolist() == owner
    assert header["interval"] == 5


def test_where_tables_and_data_are():
    status, header = header_of(BASE)
    assert status == OK
    assert header["begin"] == scan_start(BASE)
    assert header["quant_at"][0] == QUANT_AT
    assert header["huffman_at"][0] == HUFFMAN_AT
    assert BASE[header["jfif_at"] :].startswith(b"JFIF")
    assert header["adobe_at"] == 0
    assert header["quant_at"][2:].tolist() == header["huffman_at"][2:4].tolist() == [0, 0]
    slots = [0, 1, 1]
    assert header["dc"].tolist() == slots
    assert header["ac"].tolist() == [4 + slot for slot in slots]
    for slot in (0, 1, 4, 5):
        at = header["huffman_at"][slot]
        assert BASE[at] == (slot & 4) << 2 | slot & 3
    adobe = with_first(BASE, APP14, b"Adobe\0d\0\0\0\0\x01")
    assert adobe[header_of(adobe)[1]["adobe_at"] :].startswith(b"Adobe")


def test_the_last_table_of_a_slot_counts():
    table = BASE[QUANT_AT : QUANT_AT + 65]
    again = with_first(BASE, DQT, table)
    assert header_of(again)[1]["quant_at"][0] == QUANT_AT + 4 + len(table)


def test_one_segment_with_several_tables():
    made = write(20, 20, LAYOUTS["4:2:0"])  # its DHT segments hold two tables each
    assert status_of(made.data) == OK
    tables = b"\0" + bytes(range(1, 65)) + b"\1" + bytes(range(1, 65))
    joined = with_first(without(BASE, DQT), DQT, tables)
    assert header_of(joined)[1]["quant_at"].tolist() == [6, 71, 0, 0]


def test_fill_bytes_before_markers():
    assert status_of(write(20, 20, fill=1).data) == OK
    assert status_of(write(20, 20, fill=9).data) == OK


def progressive():
    return jpeg(33, 50, progressive=True)


def cmyk():
    pixels = np.dstack([smooth_picture(20, 20, 0), smooth_picture(20, 20, 1)[..., :1]])
    return encode(Image.fromarray(pixels, "CMYK"))


def one_scan_per_component():
    scan = bytes([1, 1, 0x00, 0, 63, 0])
    start, end = find(BASE, SOS)
    return BASE[: start - 4] + segment(SOS, scan) + BASE[end:]


CASES = {
    "empty": (b"", NOT_JPEG),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(50), NOT_JPEG),
    "stray bytes": (BASE[:2] + b"ab" + BASE[2:], NOT_JPEG),
    "stray bytes later": (BASE[: SCAN_AT - 4] + b"ab" + BASE[SCAN_AT - 4 :], BAD_HEADER),
    "ends in header": (BASE[: SCAN_AT - 1], BAD_HEADER),
    "no scan": (BASE[: SCAN_AT - 4] + b"\xff\xd9", BAD_HEADER),
    "restart marker": (BASE[:2] + b"\xff\xd0" + BASE[2:], BAD_HEADER),
    "length 0": (patched(BASE, QUANT_AT - 2, b"\0\0"), BAD_HEADER),
    "length 1": (patched(BASE, QUANT_AT - 2, b"\0\1"), BAD_HEADER),
    "length too large": (patched(BASE, QUANT_AT - 2, b"\xff\xff"), BAD_HEADER),
    "two frames": (
        BASE[: FRAME_AT - 4] + segment(SOF0, BASE[FRAME_AT : FRAME_AT + 15]) + BASE[FRAME_AT - 4 :],
        BAD_HEADER,
    ),
    "no frame": (without(BASE, SOF0), BAD_HEADER),
    "short frame": (
        without(BASE, SOF0)[:2] + segment(SOF0, b"\x08\0\x10\0") + BASE[2:],
        BAD_HEADER,
    ),
    "frame of another length": (
        with_first(without(BASE, SOF0), SOF0, BASE[FRAME_AT:][:16]),
        BAD_HEADER,
    ),
    "progressive": (progressive(), PROGRESSIVE),
    "lossless": (patched(BASE, FRAME_AT - 3, 0xC3), OTHER_PROCESS),
    "arithmetic": (patched(BASE, FRAME_AT - 3, 0xC9), OTHER_PROCESS),
    "12 bits": (patched(BASE, FRAME_AT, 12), NOT_8_BIT),
    "no height": (patched(BASE, FRAME_AT + 1, b"\0\0"), NO_HEIGHT),
    "no width": (patched(BASE, FRAME_AT + 3, b"\0\0"), BAD_HEADER),
    "too wide": (patched(BASE, FRAME_AT + 3, b"\xff\xff"), BAD_HEADER),
    "cmyk": (cmyk(), NOT_1_OR_3),
    "factor 0": (patched(BASE, FRAME_AT + 7, 0x02), BAD_SAMPLING),
    "factor 5": (patched(BASE, FRAME_AT + 7, 0x25), BAD_SAMPLING),
    "11 blocks": (patched(BASE, FRAME_AT + 7, 0x33), BAD_SAMPLING),
    "same component twice": (patched(BASE, FRAME_AT + 9, BASE[FRAME_AT + 6]), BAD_HEADER),
    "quantisation slot 4": (patched(BASE, FRAME_AT + 8, 4), BAD_QUANTISATION),
    "quantisation slot not filled": (patched(BASE, FRAME_AT + 8, 3), BAD_QUANTISATION),
    "no quantisation": (without(BASE, DQT), BAD_QUANTISATION),
    "precision 2": (patched(BASE, QUANT_AT, 0x20), BAD_QUANTISATION),
    "short quantisation": (with_first(BASE, DQT, bytes(64)), BAD_QUANTISATION),
    "no huffman": (without(BASE, DHT), BAD_HUFFMAN),
    "huffman class 2": (patched(BASE, HUFFMAN_AT, 0x20), BAD_HUFFMAN),
    "huffman slot 4": (patched(BASE, HUFFMAN_AT, 0x04), BAD_HUFFMAN),
    "codes of all ones": (patched(BASE, HUFFMAN_AT + 1, b"\2"), BAD_HUFFMAN),
    "more symbols than there are": (patched(BASE, HUFFMAN_AT + 16, b"\xff"), BAD_HUFFMAN),
    "DC category 16": (patched(BASE, HUFFMAN_AT + 17, 16), BAD_HUFFMAN),
    "restart interval of another length": (with_first(BASE, DRI, b"\0"), BAD_HEADER),
    "several scans": (one_scan_per_component(), SEVERAL_SCANS),
    "component that is not there": (patched(BASE, SCAN_AT + 1, 9), BAD_HEADER),
    "scan with slot 4": (patched(BASE, SCAN_AT + 2, 0x40), BAD_HUFFMAN),
    "scan with slot not filled": (patched(BASE, SCAN_AT + 2, 0x03), BAD_HUFFMAN),
    "spectral selection": (patched(BASE, SCAN_AT + 8, 5), BAD_HEADER),
    "no data": (BASE[: scan_start(BASE)], CORRUPT),
}


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_cut(name):
    data, status = CASES[name]
    assert status_of(data) == status, REASONS[status_of(data)]
    assert REASONS[status]


def test_metadata_do_not_matter():
    for marker in (APP0, APP1, APP14, 0xEF, 0xFE):
        for body in (b"", b"x", b"JFIF\0", b"Adobe", bytes(1000)):
            assert status_of(with_first(BASE, marker, body)) == OK


def test_every_beginning_of_a_file_is_refused():
    for size in range(scan_start(BASE) + 1):
        assert status_of(BASE[:size]) != OK


def test_size_is_known_where_a_frame_was_passed():
    for data in (progressive(), patched(BASE, FRAME_AT + 7, 0x33)):
        header = header_of(data)[1]
        assert (header["height"], header["width"], header["components"]) == (33, 50, 3)


def test_a_size_that_the_file_cannot_hold():
    huge = patched(BASE, FRAME_AT + 1, b"\xea\x60\xea\x60")
    assert status_of(huge) == CORRUPT
