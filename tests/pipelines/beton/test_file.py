"""A damaged or foreign file is recognised, in one line, before anything reads pictures from it."""

import os
import shutil
import zlib

import numpy as np
import pytest

from fasttricks.data import Samples
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.beton import file as beton_file
from fasttricks.pipelines.beton.file import Beton, arguments, parse_arguments
from fasttricks.pipelines.beton.pack import pack
from tests.pictures import jpeg


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    samples = Samples([jpeg(20 + i, 30, seed=i) for i in range(7)], np.arange(7))
    return pack(samples, tmp_path_factory.mktemp("beton") / "x.beton", progress=False).path


@pytest.fixture
def copy(packed, tmp_path):
    return shutil.copy(packed, tmp_path / "x.beton")


def one_line(path):
    with pytest.raises(DataError) as error:
        Beton(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def reseal(packed, copy, change):
    """A copy with other arguments in the image field, and a checksum of its head that fits."""
    whole = bytearray(packed.read_bytes())
    at = beton_file.HEADER.itemsize + beton_file.FIELD.fields["arguments"][1]
    ours = parse_arguments(np.frombuffer(whole, np.uint8, 1024, at))
    whole[at : at + 1024] = arguments(change(ours)).tobytes()
    head, rest = bytes(whole[: beton_file.HEAD_BYTES]), whole[beton_file.HEAD_BYTES :]
    copy.write_bytes(beton_file.sealed(head) + rest)


def test_resealing_alone_changes_nothing(packed, copy):
    reseal(packed, copy, lambda ours: ours)
    assert copy.read_bytes() == packed.read_bytes()


def test_cut_short_anywhere(packed, copy):
    whole = packed.read_bytes()
    cuts = [*range(60), *range(60, len(whole), 97), len(whole) - 1]
    for cut in cuts:
        copy.write_bytes(whole[:cut])
        assert "cut short" in one_line(copy) or cut < beton_file.HEADER.itemsize
    copy.write_bytes(whole + b"!")
    assert "has grown" in one_line(copy)
    copy.write_bytes(whole)
    assert len(Beton(copy)) == 7


def test_damage_where_ffcv_would_follow_a_pointer(packed, copy):
    whole = packed.read_bytes()
    fields = beton_file.HEADER.itemsize + 2 * beton_file.FIELD.itemsize
    first_picture = int(Beton(packed).stored["data_ptr"][0])
    table = int(np.frombuffer(whole, beton_file.HEADER, 1)["alloc_table_ptr"][0])
    for place in (fields, first_picture - 1, table, len(whole) - 1, table - 5):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        copy.write_bytes(damaged)
        assert "damaged" in one_line(copy)


def same(left, right):
    assert left.read(3) == right.read(3)
    assert (left.mode, left.classes, left.bad) == (right.mode, right.classes, right.bad)
    for a, b in ((left.targets, right.targets), (left.sizes, right.sizes)):
        assert np.array_equal(a, b)
        assert a.dtype == b.dtype
    assert np.array_equal(left.stored, right.stored)


def test_every_flipped_byte_of_the_head(packed, copy):
    """Header, descriptors and their padding, each byte in two ways."""
    whole = packed.read_bytes()
    for place in range(beton_file.HEAD_BYTES):
        for flip in (0x01, 0xFF):
            damaged = bytearray(whole)
            damaged[place] ^= flip
            copy.write_bytes(damaged)
            one_line(copy)
    copy.write_bytes(whole)
    same(Beton(copy), Beton(packed))


def test_every_flipped_byte_under_a_valid_seal(packed, copy):
    """Nothing but a DataError, or samples that can be read, even where the head's checksum fits."""
    whole = packed.read_bytes()
    head = whole[: beton_file.HEAD_BYTES]
    opened, refused = 0, 0
    for place in (i for i, byte in enumerate(head[:-4]) if byte or i % 37 == 0):
        for flip in (0x01, 0x0F, 0xFF):
            damaged = bytearray(head)
            damaged[place] ^= flip
            copy.write_bytes(beton_file.sealed(bytes(damaged)) + whole[len(head) :])
            try:
                assert Beton(copy).read(3)
                opened += 1
            except DataError:
                refused += 1
    assert refused > opened > 0  # the seal was valid: what Beton does not use went unnoticed


@pytest.mark.parametrize(
    "change",
    [
        {"length": "long"},
        {"names": -1},
        {"names": 0},
        {"directory": 0},
        {"directory": 1e300},
        {"directory": None},
        {"mode": "gif"},
        {"mode": []},
        {"dtype": "O"},
        {"dtype": "<f16"},
        {"dtype": 5},
        {"shape": [2**62]},
        {"shape": [-1]},
        {"shape": "ab"},
        {"checksum": 0},
    ],
    ids=str,
)
def test_arguments_that_contradict_the_file(change, packed, copy):
    reseal(packed, copy, lambda ours: ours | change)
    assert "is damaged" in one_line(copy)


@pytest.mark.parametrize(
    "key", ["mode", "dtype", "shape", "directory", "names", "length", "checksum"]
)
def test_a_missing_argument(key, packed, copy):
    reseal(packed, copy, lambda ours: {k: v for k, v in ours.items() if k != key})
    assert "is damaged" in one_line(copy)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("num_samples", 2**63),
        ("num_samples", 6),
        ("alloc_table_ptr", 0),
        ("alloc_table_ptr", 2**63),
    ],
)
@pytest.mark.parametrize("seal", [False, True])
def test_numbers_of_the_header(member, value, seal, packed, copy):
    whole = bytearray(packed.read_bytes())
    np.frombuffer(whole, beton_file.HEADER, 1)[member] = value
    head, rest = bytes(whole[: beton_file.HEAD_BYTES]), whole[beton_file.HEAD_BYTES :]
    copy.write_bytes((beton_file.sealed(head) if seal else head) + rest)
    assert "is damaged" in one_line(copy)


def test_another_page_size_is_damage(packed, copy):
    whole = bytearray(packed.read_bytes())
    np.frombuffer(whole, beton_file.HEADER, 1)["page_size"] *= 2
    copy.write_bytes(whole)
    assert "is damaged: the checksum of its beginning" in one_line(copy)


def test_other_files(tmp_path):
    assert "does not exist" in one_line(tmp_path / "nowhere.beton")
    assert "is not a .beton file" in one_line(tmp_path)
    for content in (b"", b"PK\x03\x04" * 999, bytes(10_000)):
        (tmp_path / "x").write_bytes(content)
        assert "is not a .beton file" in one_line(tmp_path / "x")
    header = np.zeros(1, beton_file.HEADER)
    header["version"], header["num_fields"] = beton_file.FFCV_VERSION, 2
    (tmp_path / "stock").write_bytes(header.tobytes() + bytes(10_000))
    assert "is cut short or damaged" in one_line(tmp_path / "stock")


def test_a_file_of_another_writer_is_told_from_a_damaged_one(tmp_path, packed):
    """As FFCV's DatasetWriter leaves it: fields without arguments, the table last."""
    path, size = tmp_path / "stock.beton", beton_file.HEAD_BYTES + 500
    header, fields = np.zeros(1, beton_file.HEADER), np.zeros(2, beton_file.FIELD)
    header["version"], header["num_fields"] = beton_file.FFCV_VERSION, 2
    header["num_samples"], header["alloc_table_ptr"] = 3, size
    fields["type_id"] = beton_file.IMAGE_FIELD, beton_file.INT_FIELD
    head = header.tobytes() + fields.tobytes()
    table = bytes(3 * beton_file.PLACE.itemsize)
    path.write_bytes(head.ljust(size, b"x") + table)
    message = one_line(path)
    assert "another writer" in message
    assert "damaged" not in message
    assert "fasttricks pack SRC DST.beton" in message
    for cut in (size + 30, size - 1, beton_file.HEAD_BYTES - 1):
        path.write_bytes((head.ljust(size, b"x") + table)[:cut])
        assert "is cut short or damaged" in one_line(path)
    damaged = bytearray(packed.read_bytes())
    damaged[damaged.index(b"fasttricks")] ^= 1
    path.write_bytes(damaged)
    assert "is cut short or damaged" in one_line(path)


def test_another_version_of_ours(packed, copy):
    for version in (1, 99):
        reseal(packed, copy, lambda ours, version=version: ours | {"fasttricks": version})
        assert f"has format {version} and this fasttricks reads 3" in one_line(copy)


def test_stamps_are_checksums_of_the_stored_bytes(packed):
    beton = Beton(packed)
    for index in range(7):
        data, stamp = beton.read_stamped(index)
        assert stamp == (len(data), zlib.crc32(data)) == beton.stamp(index)
    assert beton.path(0) is None


@pytest.mark.parametrize("mode", ["source", "raw"])
def test_what_has_lost_its_end_since_it_was_opened_is_a_bad_sample(mode, tmp_path):
    samples = Samples([jpeg(20, 30, seed=i) for i in range(3)], np.arange(3))
    opened = Beton(pack(samples, tmp_path / "x.beton", mode=mode, progress=False).path)
    whole = opened.read(0)
    os.truncate(opened.file, int(opened.stored[1]["data_ptr"]) + 10)
    assert opened.read(0) == whole
    for index in (1, 2):
        with pytest.raises(BadSampleError, match="has lost its end") as error:
            opened.read(index)
        assert error.value.index == index


def test_where_the_seek_index_belongs(packed, copy, tmp_path, monkeypatch):
    """Told by what is in the file: not by its name or time, nor only by sizes and names."""
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    where = Beton(packed).seek_index
    assert where.is_relative_to(tmp_path / "cache")
    assert Beton(copy).seek_index == where
    files = [jpeg(20 + i, 30, seed=i) for i in range(7)]
    assert Beton(pack(Samples(files, np.arange(7)), copy, progress=False).path).seek_index == where
    files[4] = files[4][:-9] + bytes([files[4][-9] ^ 1]) + files[4][-8:]
    changed = Beton(pack(Samples(files, np.arange(7)), copy, progress=False).path)
    assert changed.sizes.tolist() == Beton(packed).sizes.tolist()
    assert changed.seek_index != where


def test_arguments():
    assert parse_arguments(arguments({"a": [1, "ü"]})) == {"a": [1, "ü"]}
    deep = np.frombuffer(b"[" * 1024, np.uint8)
    for foreign in (np.zeros(1024, np.uint8), np.full(1024, 200, np.uint8), deep):
        assert parse_arguments(foreign) == {}
    assert parse_arguments(np.frombuffer(b"[1]", np.uint8)) == {}
