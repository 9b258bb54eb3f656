from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import (
    ADVICE,
    HEADER,
    RECORD,
    SECTIONS,
    checksum,
    open_file,
    parse,
)
from fasttricks.errors import DataError
from fasttricks.kernels.jpeg.seek import FRAME, SEEK
from fasttricks.kernels.jpeg.segments import REASONS
from tests.data.seek.standin import install, make_pictures


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """A sound index of 12 pictures, as bytes."""
    root = tmp_path_factory.mktemp("pictures")
    samples = Samples(make_pictures(root, 12))
    with pytest.MonkeyPatch.context() as patch:
        install(patch.setattr)
        return build_index(samples, root / "x.seek", workers=1).read_bytes()


def changed(content, at, new):
    return content[:at] + new + content[at + len(new) :]


def with_checksum(content, header):
    """The file with another header whose checksum is right."""
    import zlib

    header["crc"] = zlib.crc32(header.tobytes()[:-4])
    return changed(content, 0, header.tobytes())


def header_of(content):
    return np.frombuffer(content, HEADER, 1).copy()[0]


def test_layout_of_header_and_records():
    assert HEADER.itemsize == 192
    assert HEADER.fields["sections"][1] == 88
    assert HEADER.fields["crc"][1] == 188
    assert RECORD.fields["frame"] == (FRAME, 40)
    assert RECORD.itemsize % 8 == SEEK.itemsize % 8 == 0


def test_every_byte_of_record_and_points_counts_but_first_and_itself():
    rng = np.random.default_rng(0)
    record, points = rng.bytes(56), rng.bytes(20)
    right = checksum(record, points)
    for at in range(len(record)):
        flipped = changed(record, at, bytes([record[at] ^ 4]))
        assert (checksum(flipped, points) == right) == (at < 12)
    for at in range(len(points)):
        assert checksum(record, changed(points, at, bytes([points[at] ^ 4]))) != right


def test_a_sound_file_opens(content):
    opened = parse(content, Path("x"))
    assert len(opened.records) == 12
    assert opened.reasons == list(REASONS)
    assert not opened.points.flags.writeable


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, 191, 192, 193, 1000, -1])
def test_cut_short(content, tmp_path, length):
    (tmp_path / "x.seek").write_bytes(content[:length])
    with pytest.raises(DataError) as caught:
        open_file(tmp_path / "x.seek")
    expected = "is cut short" if length >= 8 or length < 0 else "is not a seek index"
    assert expected in str(caught.value)
    assert str(tmp_path / "x.seek") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_grown(content):
    with pytest.raises(DataError, match="has grown"):
        parse(content + b"x", Path("x"))


@pytest.mark.parametrize("other", [b"", b"\x89PNG\r\n\x1a\n" + bytes(500), b"text" * 100])
def test_not_an_index(other):
    with pytest.raises(DataError, match="x is not a seek index"):
        parse(other, Path("x"))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"cannot open the seek index .*No such file"):
        open_file(tmp_path / "none")
    with pytest.raises(DataError, match=r"cannot open the seek index .*Is a directory"):
        open_file(tmp_path)


def test_other_format(content):
    with pytest.raises(DataError, match=f"has format 2 and this fasttricks reads 1; {ADVICE}"):
        parse(changed(content, 8, b"\2"), Path("x"))


def test_every_bit_of_the_header_is_guarded(content):
    for bit in range(8 * HEADER.itemsize):
        flipped = changed(content, bit // 8, bytes([content[bit // 8] ^ 1 << bit % 8]))
        with pytest.raises(DataError):
            parse(flipped, Path("x"))


@pytest.mark.parametrize("member", [b'"height"', b'"<u8"'])
def test_other_records(content, member):
    other = content.replace(member, member.swapcase(), 1)
    assert other != content
    with pytest.raises(DataError, match="another fasttricks, whose records differ"):
        parse(other, Path("x"))


def test_other_texts_are_no_other_records(content):
    said = REASONS[1].swapcase()
    other = content.replace(REASONS[1].encode(), said.encode(), 1)
    assert parse(other, Path("x")).reasons == [REASONS[0], said, *REASONS[2:]]


@pytest.mark.parametrize("member", ["count", "point_count", "frame_size", "sections"])
@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32 - 1])
def test_lies_with_a_right_checksum_are_refused(content, member, value):
    """Whoever makes a file on purpose gets no further than an error either."""
    for k in range(10 if member == "sections" else 1):
        header = header_of(content)
        if member == "sections":
            header["sections"][k // 2]["offset" if k % 2 else "length"] = value
        else:
            header[member] = value
        with pytest.raises(DataError):
            parse(with_checksum(content, header), Path("x"))


@pytest.mark.parametrize("more", [-1, -8, 1])
def test_a_length_that_lies_with_a_right_checksum_is_refused(content, more):
    header, changed = header_of(content), (content + b"x")[: len(content) + more]
    header["file_size"] = len(changed)
    with pytest.raises(DataError, match="records differ"):
        parse(with_checksum(changed, header), Path("x"))


DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "index-format.md"


def documented(heading):
    """{member: (offset, type)} of the table below a heading of the document."""
    text = DOCUMENT.read_text().split(f"\n## {heading}", 1)[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {name: (int(at), type_) for at, type_, name, *_ in rows if at.isdigit()}


def laid_out(dtype):
    """The same of a dtype."""
    found = {}
    for name, (type_, offset, *_) in dtype.fields.items():
        count = type_.shape[0] if type_.shape else 1
        text = f"{type_.base.kind}{type_.base.itemsize}"
        if (type_.base == np.uint8 and type_.shape) or type_.kind == "S":
            text = f"{type_.itemsize} bytes"
        elif type_.base.fields:
            text = f"{count} x ({', '.join('u8' for _ in type_.base.fields)})"
        elif count > 1:
            text = f"{count} x {text}"
        found[name] = (offset, text)
    return found


def test_the_document_has_every_member_where_it_is():
    record = laid_out(RECORD)
    record["frame"] = (record["frame"][0], "frame_size bytes")
    assert documented("Header, 192 bytes") == laid_out(HEADER)
    assert documented("Record, 40 bytes and a frame") == record
    assert documented(f"Frame, {FRAME.itemsize} bytes") == laid_out(FRAME)
    assert documented(f"Seek point, {SEEK.itemsize} bytes") == laid_out(SEEK)
    sections = DOCUMENT.read_text().split("## Parts")[1].split("## Header")[0]
    found = [sections.find(f"| {k} {n.replace('_', ' ')} |") for k, n in enumerate(SECTIONS)]
    assert found == sorted(found)
    assert found[0] > 0


def use(index):
    """Everything that can be asked of an index."""
    index.summary(), index.names()
    for k in range(len(index)):
        index.why(k), index.name(k), index.entry(k)
        index.lookup(k, int(index.records["size"][k]), int(index.records["mtime_ns"][k]))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_behind_the_header_never_crashes(content, data):
    at = data.draw(st.integers(HEADER.itemsize, len(content) - 1))
    damage = data.draw(st.binary(min_size=1, max_size=40))
    try:
        index = SeekIndex.from_bytes(changed(content, at, damage)[: len(content)])
    except DataError:
        return
    use(index)
