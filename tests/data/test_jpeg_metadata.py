"""EXIF orientation, and metadata over which PIL refuses a file whose pixels are fine."""

import io
import itertools
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from fasttricks.data.jpeg_frame import PLAIN
from fasttricks.data.jpeg_header import walk
from tests.data.jpeg_surgery import APP0, APP1, APP2, APP13, exif, with_first, without
from tests.pictures import encode, jpeg, smooth_picture

BASE = jpeg(16, 16)


def examine(body, marker=APP1, base=BASE):
    fault, doubt, *_, orientation = walk(np.frombuffer(with_first(base, marker, body), np.uint8))
    assert fault == PLAIN
    return doubt, orientation


def pil_opens(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            Image.open(io.BytesIO(data)).close()
        except OSError:
            return False
    return True


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_as_pil_writes_it(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "maker"
    data = encode(smooth_picture(20, 30, 0), exif=tags)
    assert walk(np.frombuffer(data, np.uint8)) == (PLAIN, 0, 20, 30, 3, 0, orientation)


@pytest.mark.parametrize("order", "<>")
def test_byte_order(order):
    entry = (0x0112, 3, 1, struct.pack(order + "HH", 6, 0))
    other = (0x0100, 4, 1, struct.pack(order + "I", 6))
    assert examine(exif([other, entry], order)) == (0, 6)


@pytest.mark.parametrize(
    "entry",
    [
        (0x0112, 3, 1, b"\x09\0\0\0"),
        (0x0112, 3, 1, b"\0\0\0\0"),
        (0x0112, 3, 0, b"\6\0\0\0"),
        (0x0112, 2, 1, b"\6\0\0\0"),
        (0x0113, 3, 1, b"\6\0\0\0"),
    ],
)
def test_orientations_that_mean_nothing(entry):
    assert examine(exif([entry])) == (0, 1)


@pytest.mark.parametrize("offset", [0, 7, 8, 9, 100, 0x7FFFFFFF, 0xFFFFFFFF])
def test_every_cut_of_exif_is_survived(offset):
    body = exif([(0x0112, 3, 1, b"\6\0\0\0")] * 3, offset=offset)
    for size in range(len(body)):
        doubt, orientation = examine(body[:size])
        assert orientation in (1, 6)
        assert doubt or pil_opens(with_first(BASE, APP1, body[:size]))


def test_exif_that_pil_refuses_is_doubted():
    """PIL divides a resolution by whatever stands there; JFIF, where present, spares it that."""
    base, refused = without(BASE, APP0), 0
    values = (b"\0\0\0\0", b"ab\0\0", b"\x08\0\0\0")
    for kind, count, value in itertools.product(range(15), (0, 1, 2, 5), values):
        for unit in ((0x0128, 3, 1, b"\3\0\0\0"), (0x0128, 2, 1, b"\3\0\0\0")):
            body = exif([(0x011A, kind, count, value), unit]) + bytes(40)
            opens = pil_opens(with_first(base, APP1, body))
            refused += not opens
            assert opens or examine(body, base=base)[0]
    assert refused


MPF = b"MPF\0II*\0\x08\0\0\0" + struct.pack(
    "<HHHIIHHI4sI", 2, 0xB001, 4, 1, 2, 0xB002, 7, 4, b"abcd", 0
)


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (APP0, b"JFIF\0"),
        (APP2, b"ICC_PROFILE\0"),
        (APP13, b"Photoshop 3.0\0" + b"8BIM\4\4"),
        (APP13, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\2ab" + b"8BIM\4\4"),
    ],
    ids=["JFIF", "ICC", "Photoshop", "second Photoshop block"],
)
def test_other_metadata_that_pil_refuses_is_doubted(marker, body):
    assert not pil_opens(with_first(BASE, marker, body))
    assert examine(body, marker) == (1, 1)


def test_several_pictures_in_a_file_are_left_to_pil():
    """Pillow 12 refuses this index, Pillow 13 does not."""
    assert examine(MPF, APP2) == (1, 1)


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (APP0, b"JFXX\0"),
        (APP1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        (APP2, b"ICC_PROFILE\0\1\1profile"),
        (APP13, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\2ab" + b"8BIM\4\4\3abc\0\0\0\1x\0"),
        (APP13, b"Photoshop 3.0\0"),
        (APP13, b"else"),
        (0xEB, b""),
    ],
)
def test_harmless_metadata(marker, body):
    assert pil_opens(with_first(BASE, marker, body))
    assert examine(body, marker) == (0, 1)


def test_every_cut_of_photoshop_blocks():
    body = b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\3abc\0" + b"8BIM\4\4\3abc\0\0\0\1x\0"
    for size in range(len(body)):
        assert examine(body[:size], APP13)[0] or pil_opens(with_first(BASE, APP13, body[:size]))
