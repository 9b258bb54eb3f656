"""Headers and sections, with a form made for it."""

import io
from pathlib import Path

import numpy as np
import pytest

from fasttricks.data.sections import ALIGN, Form, map_file, write_header
from fasttricks.errors import DataError

HEADER = np.dtype(
    [
        ("magic", "S8"), ("format", "<u4"), ("header_size", "<u4"), ("file_size", "<u8"),
        ("count", "<u8"), ("more", "u1", (156,)), ("crc", "<u4"),
    ]
)  # fmt: skip
FORM = Form("list of things", b"\x89THINGS\n", 3, HEADER, "make another")


def made(content=b"content", **changes):
    """A sound file, but for what is changed before its checksum is made."""
    file = io.BytesIO()
    header = FORM.begin()
    header["file_size"] = HEADER.itemsize + len(content)
    for name, value in changes.items():
        header[name] = value
    file.seek(HEADER.itemsize)
    file.write(content)
    write_header(file, header)
    return file.getvalue()


def test_sections_are_aligned_and_follow_one_another():
    found = FORM.layout([1, 64, 65, 0, 3])
    assert found == [(192, 1), (256, 64), (320, 65), (448, 0), (448, 3)]
    assert all(offset % ALIGN == 0 for offset, _ in found)


def test_a_sound_header_is_read():
    header = FORM.check(made(count=7), Path("x"))
    assert (header["magic"], header["format"], header["header_size"]) == (FORM.magic, 3, 192)
    assert header["count"] == 7


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (made()[:191], "is cut short: 191 bytes"),
        (made()[:-1], "is cut short: 198 bytes where 199 were written"),
        (made() + b"x", "has grown: 200 bytes where 199 were written"),
        (made(format=4), "has format 4 and this fasttricks reads 3"),
    ],
)
def test_what_is_wrong_is_said(content, said):
    with pytest.raises(DataError) as told:
        FORM.check(content, Path("x"))
    assert str(told.value) == f"the list of things x {said}; make another"


def test_every_bit_of_the_header_is_guarded():
    content = made()
    for bit in range(8 * 8, 8 * HEADER.itemsize):  # the magic is for the caller to look at
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DataError):
            FORM.check(bytes(flipped), Path("x"))


def test_files_are_mapped_and_empty_ones_are_empty(tmp_path):
    for content in (b"", made()):
        (tmp_path / "x").write_bytes(content)
        with open(tmp_path / "x", "rb") as file:
            mapped = map_file(file)
        assert bytes(mapped) == content
