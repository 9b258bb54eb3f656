"""Everything that makes a JPEG's coding unusual or broken is found, one thing at a time."""

import itertools

import numpy as np
import pytest
from PIL import Image

from fasttricks.data.jpeg_frame import (
    BAD_HUFFMAN,
    INCOMPLETE,
    ODD_COLOUR,
    ODD_COMPONENTS,
    ODD_FRAME,
    ODD_PROCESS,
    ODD_QUANTISATION,
    ODD_SAMPLING,
    ODD_SCAN,
    PLAIN,
)
from fasttricks.data.jpeg_header import walk
from tests.data.jpeg_surgery import (
    APP0,
    APP14,
    DHT,
    DQT,
    DRI,
    SOF0,
    SOF2,
    SOS,
    find,
    patched,
    segment,
    segments,
    with_first,
    without,
)
from tests.pictures import encode, jpeg, smooth_picture


def fault(data):
    return walk(np.frombuffer(data, np.uint8))[0]


COLOUR, PROGRESSIVE, GREY = jpeg(), jpeg(progressive=True), jpeg(channels=1)


def in_segment(data, marker, offset, value):
    return patched(data, find(data, marker)[0] + offset, value)


@pytest.mark.parametrize(
    ("offset", "value", "expected"),
    [
        (0, 12, ODD_PROCESS),  # bits per sample
        (0, 16, ODD_PROCESS),
        (1, b"\0\0", ODD_FRAME),  # height, which a DNL would have to tell
        (1, b"\xff\xff", ODD_FRAME),  # more than libjpeg takes
        (3, b"\0\0", ODD_FRAME),
        (5, 0, ODD_COMPONENTS),
        (5, 2, ODD_COMPONENTS),
        (5, 4, ODD_COMPONENTS),
        (5, 1, ODD_FRAME),  # does not fit the segment's length
        (6, 2, ODD_FRAME),  # two components of one name
        (7, 0x00, ODD_SAMPLING),
        (7, 0x14, ODD_SAMPLING),
        (7, 0x33, ODD_SAMPLING),
        (7, 0x44, ODD_SAMPLING),
        (10, 0x21, ODD_SAMPLING),  # chroma 2 x 1
        (8, 4, ODD_QUANTISATION),  # there are only four tables
        (8, 3, ODD_QUANTISATION),  # never defined
    ],
)
def test_frame_header(offset, value, expected):
    assert fault(in_segment(COLOUR, SOF0, offset, value)) == expected


def test_frame_type_and_number():
    at = find(COLOUR, SOF0)[0] - 3
    assert fault(patched(COLOUR, at, 0xC1)) == PLAIN  # extended sequential
    for marker in (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF):
        assert fault(patched(COLOUR, at, marker)) == ODD_PROCESS
    frame = COLOUR[at - 1 : find(COLOUR, SOF0)[1]]
    assert fault(COLOUR[: at - 1] + frame + COLOUR[at - 1 :]) == ODD_FRAME
    assert fault(without(COLOUR, SOF0)) == ODD_SCAN


@pytest.mark.parametrize("factors", [0x11, 0x21, 0x12, 0x22, 0x41, 0x44])
def test_one_component_is_never_subsampled(factors):
    data = in_segment(GREY, SOF0, 7, factors)
    assert fault(data) == PLAIN


def test_cmyk():
    assert fault(encode(Image.new("CMYK", (20, 10)))) == ODD_COMPONENTS


def test_colour_space():
    def adobe(transform):
        return b"Adobe\0\x64\0\0\0\0" + bytes([transform])

    assert fault(with_first(COLOUR, APP14, adobe(1))) == PLAIN
    assert fault(with_first(COLOUR, APP14, adobe(0))) == ODD_COLOUR
    assert fault(with_first(COLOUR, APP14, adobe(2))) == ODD_COLOUR
    assert fault(with_first(COLOUR, APP14, b"Adobe\0\x64")) == ODD_COLOUR
    assert fault(with_first(GREY, APP14, adobe(0))) == PLAIN
    assert fault(without(COLOUR, APP0)) == PLAIN
    rgb = encode(smooth_picture(20, 20, 0), keep_rgb=True)
    assert fault(rgb) == ODD_COLOUR


@pytest.mark.parametrize(
    "body",
    [
        bytes([0x10, *[0, 1] * 64]),  # 16 bits, which libjpeg decodes
        bytes([4, *[1] * 64]),
        bytes([0, *[1] * 63]),
        bytes([0, *[1] * 64, 9]),
    ],
    ids=["16 bit", "fifth table", "short", "trailing byte"],
)
def test_quantisation_tables(body):
    assert fault(with_first(COLOUR, DQT, body)) == ODD_QUANTISATION
    assert fault(without(COLOUR, DQT)) == ODD_QUANTISATION


def huffman(slot, counts, symbols):
    return bytes([slot, *counts, *[0] * (16 - len(counts)), *symbols])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (huffman(0x03, [1, 1], [0, 1]), PLAIN),
        (huffman(0x13, [0, 3], [0, 1, 0xFF]), PLAIN),
        (huffman(0x13, [2], [0, 1]), BAD_HUFFMAN),  # uses the code of all ones
        (huffman(0x13, [1, 2], [0, 1, 2]), BAD_HUFFMAN),
        (huffman(0x13, [0, 5], [0, 1, 2, 3, 4]), BAD_HUFFMAN),  # more codes than bits allow
        (huffman(0x13, [1, 1], [0]), BAD_HUFFMAN),  # a symbol is missing
        (huffman(0x13, [1], [0, 1]), BAD_HUFFMAN),  # a byte is left over
        (huffman(0x03, [1], [16]), BAD_HUFFMAN),  # a DC difference of 16 bits
        (huffman(0x04, [1], [0]), BAD_HUFFMAN),  # fifth table
        (huffman(0x23, [1], [0]), BAD_HUFFMAN),  # neither DC nor AC
        (huffman(0x13, [0] * 8 + [200, 100], bytes(300)), BAD_HUFFMAN),  # more than 256 symbols
    ],
)
def test_huffman_tables(body, expected):
    assert fault(with_first(COLOUR, DHT, body)) == expected


def test_files_without_huffman_tables():
    """As in motion JPEG: libjpeg brings standard ones, other decoders may not."""
    assert fault(without(COLOUR, DHT)) == BAD_HUFFMAN


@pytest.mark.parametrize(
    ("base", "offset", "value", "expected"),
    [
        (COLOUR, 0, 0, ODD_SCAN),  # components
        (COLOUR, 0, 4, ODD_SCAN),
        (COLOUR, 0, 2, ODD_SCAN),
        (COLOUR, 1, 9, ODD_SCAN),  # no component of that name
        (COLOUR, 1, 3, ODD_SCAN),  # not in the frame's order
        (COLOUR, 2, 0x20, BAD_HUFFMAN),
        (COLOUR, 2, 0x02, BAD_HUFFMAN),
        (COLOUR, 2, 0xF0, BAD_HUFFMAN),
        (COLOUR, 7, 1, ODD_SCAN),  # first coefficient
        (COLOUR, 8, 62, ODD_SCAN),  # last coefficient
        (COLOUR, 9, 0x01, ODD_SCAN),  # bit planes
        (PROGRESSIVE, 7, 1, ODD_SCAN),
        (PROGRESSIVE, 8, 5, ODD_SCAN),  # DC and AC in one scan
        (PROGRESSIVE, 9, 0x0E, ODD_SCAN),
        (PROGRESSIVE, 9, 0x21, ODD_SCAN),  # refines what was never sent
    ],
)
def test_scan_header(base, offset, value, expected):
    assert fault(in_segment(base, SOS, offset, value)) == expected


def test_restart_interval_segment():
    assert fault(with_first(COLOUR, DRI, b"\0\0")) == PLAIN  # off
    assert fault(with_first(COLOUR, DRI, b"\0")) != PLAIN


def scans(data):
    """Where each scan begins (with the tables in front of it), and where the last one ends."""
    marks = [find(data, SOF2)[1]]
    pos = marks[0]
    while data[pos + 1] != 0xD9:
        code, pos = data[pos + 1], pos + 2 + int.from_bytes(data[pos + 2 : pos + 4], "big")
        if code == SOS:
            while data[pos] != 0xFF or data[pos + 1] == 0:
                pos += 1
            marks.append(pos)
    return marks


def test_progressive_files_have_to_be_complete():
    assert fault(PROGRESSIVE) == PLAIN
    marks = scans(PROGRESSIVE)
    assert len(marks) > 8
    for first, after in itertools.pairwise(marks):
        assert fault(PROGRESSIVE[:first] + PROGRESSIVE[after:]) != PLAIN
        assert fault(PROGRESSIVE[:after] + PROGRESSIVE[first:]) == ODD_SCAN  # sent twice
    assert fault(PROGRESSIVE[: marks[-2]] + b"\xff\xd9") == INCOMPLETE


def test_no_component_begins_with_ac():
    first, second, third, *_ = scans(PROGRESSIVE)
    dc, ac = PROGRESSIVE[first:second], PROGRESSIVE[second:third]
    assert fault(PROGRESSIVE[:first] + ac + dc + PROGRESSIVE[third:]) == ODD_SCAN


def test_one_scan_for_each_component():
    """Baseline, not interleaved; three grey files of one size make one in colour."""
    greys = [jpeg(24, 40, seed=c, channels=1) for c in range(3)]
    start = find(greys[0], SOF0)[0] - 4
    tables = b"".join(
        greys[0][pos:end] for code, pos, end in segments(greys[0]) if code in (DQT, DHT)
    )
    frame = b"\x08\0\x18\0\x28\3" + b"".join(bytes([c, 0x11, 0]) for c in (1, 2, 3))
    data = greys[0][:start] + tables + segment(SOF0, frame)
    for c, grey in enumerate(greys):
        data += segment(SOS, bytes([1, c + 1, 0, 0, 63, 0])) + grey[find(grey, SOS)[1] : -2]
    assert fault(data + b"\xff\xd9") == PLAIN
    assert fault(data[: -len(greys[2])] + b"\xff\xd9") == INCOMPLETE
