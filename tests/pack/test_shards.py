"""Shards: tars that anything reads, with nothing in them that differs from run to run."""

import io
import tarfile
import zlib

import numpy as np
import pytest

from fasttricks.pack.shards import Shard, target_member


def write(path, members):
    shard = Shard(path)
    placed = [shard.add(name, data, zlib.crc32(data)) for name, data in members]
    return placed, shard.finish()


LONG = "d" * 90 + "/" + "k" * 200 + ".jpg"  # more than a tar's own header has room for
MEMBERS = [("a/b.jpg", b"x" * 1000), ("a/b.cls", b"7"), (LONG, b"y" * 512), ("c.jpg", b"")]


def test_what_stands_where(tmp_path):
    placed, size = write(tmp_path / "x.tar", MEMBERS)
    data = (tmp_path / "x.tar").read_bytes()
    assert len(data) == size
    for (_, content), place in zip(MEMBERS, placed, strict=True):
        assert data[place.offset : place.offset + place.size] == content
        assert place.crc == zlib.crc32(content)
        assert place.header_crc == zlib.crc32(data[place.offset - 512 : place.offset])
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert [(m.name, tar.extractfile(m).read()) for m in tar] == MEMBERS
        assert {m.offset_data for m in tar.getmembers()} == {place.offset for place in placed}
        told = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar}
    assert told == {(315532800, 0, 0, "", "", 0o644)}


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 8192, 8193, 30_000])
def test_size_is_foreseen_with_all_that_ends_a_tar(tmp_path, size):
    for name in ("k.jpg", LONG):
        shard, members = Shard(tmp_path / "x.tar"), [(name, bytes(size)), ("k.cls", b"1")]
        foreseen = shard.size_with(members)
        for member in members:
            shard.add(*member)
        assert shard.finish() == foreseen == (tmp_path / "x.tar").stat().st_size


def test_a_discarded_shard_is_gone(tmp_path):
    Shard(tmp_path / "x.tar").discard()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", ["i1", "i8", "u8", ">i4"])
def test_integer_targets_are_text(dtype):
    target = np.array([np.iinfo(dtype).max], dtype)[0]
    assert target_member(target) == ("cls", str(np.iinfo(dtype).max).encode())


@pytest.mark.parametrize("target", [np.float32(0.5), np.bool_(True), np.arange(3), np.eye(2)])
def test_other_targets_are_arrays(target):
    ending, content = target_member(target)
    again = np.load(io.BytesIO(content))
    assert ending == "npy"
    assert np.array_equal(again, target)
    assert again.dtype == target.dtype
