import os
import resource
import shutil
import signal
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from fasttricks.data import scan_folder, tar_index
from fasttricks.data.pack_index import INDEX_NAME
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.slices import OpenFile
from fasttricks.data.tar_index import index_tars
from fasttricks.data.tar_pack import TarPack
from fasttricks.data.webdataset import read_tars, tars_in
from fasttricks.errors import DataError
from tests.data.pack_maker import make_pack, write_tar

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def tars(picture_folder, tmp_path):
    """A folder of tars without any index."""
    folder = make_pack(tmp_path / "tars", scan_folder(picture_folder))
    (folder / INDEX_NAME).unlink()
    return folder


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_the_tars_become_a_pack_and_stay_as_they_are(tars):
    before = {path: path.read_bytes() for path in tars_in(tars)}
    plain = read_tars(tars_in(tars))
    pack = index_tars(tars)
    assert {path: path.read_bytes() for path in tars_in(tars)} == before
    assert names(tars) == ["pack.index", "pack.seek", *(p.name for p in before)]
    assert len(pack) == len(plain) == 37
    assert pack.in_place
    assert pack.targets.tolist() == plain.targets.tolist()
    index = SeekIndex.open(pack.seek_index, pack)
    for i in range(len(pack)):
        data, stamp = pack.read_stamped(i)
        assert data == plain.read(i)
        assert stamp == (len(data), zlib.crc32(data))
        assert pack.name(i) == plain.name(i)
        assert (index.lookup(i, *stamp) is None) == bool(index.why(i))
    assert index.summary().indexed == 31  # the rest is progressive


def test_each_picture_is_read_once(tars, monkeypatch):
    places, real = [], OpenFile.read

    def read(file, size, offset):
        if size > 512 + 100:  # else the text of a target
            places.append((id(file), offset))
        return real(file, size, offset)

    monkeypatch.setattr(OpenFile, "read", read)
    pack = index_tars(tars, workers=1)
    assert len(places) == len(set(places)) == len(pack)


def test_same_files_whatever_the_workers_and_again(tars):
    index_tars(tars, workers=1)
    before = [(tars / name).read_bytes() for name in ("pack.index", "pack.seek")]
    index_tars(tars, workers=3, progress=True)
    assert [(tars / name).read_bytes() for name in ("pack.index", "pack.seek")] == before


def test_tars_that_changed_are_indexed_anew(tars):
    old = index_tars(tars)
    write_tar(tars / "shard-000001.tar", [("new.jpg", b"not a picture"), ("new.cls", b"5")])
    new = index_tars(tars)
    assert len(new) < len(old)
    assert new.read([new.member(i) for i in range(len(new))].index(b"new.jpg")) == b"not a picture"


def test_the_seek_index_may_be_elsewhere(tars, tmp_path):
    pack = index_tars(tars, tmp_path / "other.seek")
    assert not pack.seek_index.exists()
    assert len(SeekIndex.open(tmp_path / "other.seek", pack)) == 37


def test_a_pack_of_ours_is_left_alone(picture_folder, tmp_path):
    """Its order is in no tar."""
    folder = make_pack(tmp_path, scan_folder(picture_folder))
    before = (folder / INDEX_NAME).read_bytes()
    with pytest.raises(DataError, match="made by fasttricks pack"):
        index_tars(folder)
    (folder / INDEX_NAME).write_bytes(before[:-1])
    with pytest.raises(DataError, match="is cut short"):
        index_tars(folder)


def test_nothing_is_written_where_a_tar_is_bad(tars):
    os.truncate(tars / "shard-000002.tar", 3000)
    with pytest.raises(DataError, match=r"shard-000002\.tar is cut short"):
        index_tars(tars)
    assert names(tars) == [f"shard-{n:06d}.tar" for n in range(3)]


def test_nothing_is_written_where_a_picture_cannot_be_read(tars, monkeypatch):
    """A disk that fails after the headers were read."""

    def found(*arguments, **options):
        slices = read_tars(*arguments, **options)
        os.truncate(tars / "shard-000002.tar", 3000)
        return slices

    monkeypatch.setattr(tar_index, "read_tars", found)
    with pytest.raises(DataError, match=r"shard-000002\.tar/class_.* cannot be read: .* cut short"):
        index_tars(tars)
    assert names(tars) == [f"shard-{n:06d}.tar" for n in range(3)]


def test_pictures_that_are_too_large(tars, monkeypatch):
    def found(*arguments, **options):
        slices = read_tars(*arguments, **options)
        slices.size[7] = 2**32
        return slices

    monkeypatch.setattr(tar_index, "read_tars", found)
    with pytest.raises(DataError, match=r"shard-.*jpg is larger than the 4 GB"):
        index_tars(tars)


def test_no_tars(tmp_path):
    with pytest.raises(DataError, match="has no tars"):
        index_tars(tmp_path)


def test_a_folder_that_cannot_be_written(tars, monkeypatch):
    def refuse(*arguments):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tar_index, "unfinished", refuse)
    monkeypatch.setattr(tar_index, "read_tars", None)  # it is found out before anything is read
    with pytest.raises(DataError, match=r"pack\.index: Read-only file system.*fasttricks pack SRC"):
        index_tars(tars)


def test_a_full_disk_leaves_nothing(tars):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
        with pytest.raises(DataError, match=r"cannot write .*too large"):
            index_tars(tars)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert names(tars) == [f"shard-{n:06d}.tar" for n in range(3)]


def test_two_processes_at_once(tars):
    code = "import sys; from fasttricks.data.tar_index import index_tars; index_tars(sys.argv[1])"
    command = [sys.executable, "-c", code, str(tars)]
    both = [subprocess.Popen(command, cwd=REPOSITORY) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    pack = TarPack(tars)
    assert len(SeekIndex.open(pack.seek_index, pack)) == 37
    assert names(tars) == ["pack.index", "pack.seek", *(f"shard-{n:06d}.tar" for n in range(3))]


def test_a_copy_is_as_good(tars, tmp_path):
    pack = index_tars(tars)
    copy = TarPack(shutil.copytree(tars, tmp_path / "copy"))
    index = SeekIndex.open(copy.seek_index, copy)
    assert index.lookup(0, *copy.read_stamped(0)[1]) is not None or index.why(0)
    assert copy.read(5) == pack.read(5)
