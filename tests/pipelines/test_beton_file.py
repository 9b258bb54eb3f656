"""A damaged or foreign file is recognised, in one line, before anything reads pictures from it."""

import json
import shutil

import numpy as np
import pytest

from fasttricks.data import Samples
from fasttricks.errors import DataError
from fasttricks.pipelines import beton_file
from fasttricks.pipelines.beton import pack
from fasttricks.pipelines.beton_file import Beton, arguments, parse_arguments
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


def test_other_files(tmp_path):
    assert "does not exist" in one_line(tmp_path / "nowhere.beton")
    assert "is not a .beton file" in one_line(tmp_path)
    for content in (b"", b"PK\x03\x04" * 999, bytes(10_000)):
        (tmp_path / "x").write_bytes(content)
        assert "is not a .beton file" in one_line(tmp_path / "x")
    header = np.zeros(1, beton_file.HEADER)
    header["version"], header["num_fields"] = beton_file.FFCV_VERSION, 2
    (tmp_path / "stock").write_bytes(header.tobytes() + bytes(10_000))
    assert "was not written by fasttricks" in one_line(tmp_path / "stock")


def test_another_version_of_ours(packed, copy):
    whole = bytearray(packed.read_bytes())
    at = beton_file.HEADER.itemsize + beton_file.FIELD.fields["arguments"][1]
    ours = json.loads(bytes(whole[at : at + 1024]).rstrip(b"\0"))
    ours["fasttricks"] = 99
    whole[at : at + 1024] = arguments(ours).tobytes()
    copy.write_bytes(whole)
    assert "has format 99 and this fasttricks reads 1" in one_line(copy)


def test_arguments():
    assert parse_arguments(arguments({"a": [1, "ü"]})) == {"a": [1, "ü"]}
    for foreign in (np.zeros(1024, np.uint8), np.full(1024, 200, np.uint8)):
        assert parse_arguments(foreign) == {}
    assert parse_arguments(np.frombuffer(b"[1]", np.uint8)) == {}
