import gc
import os
import pickle
import shutil
import tarfile
import zlib

import numpy as np
import pytest

from fasttricks.data import Samples, scan_folder
from fasttricks.data.pack_index import INDEX_NAME, open_pack_index, write_pack_index
from fasttricks.data.seek.build import build_index, ensure_index, index_path
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import BadSampleError, DataError
from tests.data.pack_maker import make_pack
from tests.descriptors import open_under


@pytest.fixture
def folder(picture_folder):
    return scan_folder(picture_folder)


@pytest.fixture
def pack(folder, tmp_path):
    return TarPack(make_pack(tmp_path / "pack", folder))


def shard_of(pack, index):
    return pack.files[pack.members["shard"][index]]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_samples_are_those_of_the_source(folder, tmp_path, format):
    pack = TarPack(make_pack(tmp_path, folder, format=format))
    assert len(pack) == len(folder)
    assert pack.targets.tolist() == folder.targets.tolist()
    assert pack.targets.flags.writeable
    assert pack.classes == folder.classes
    assert len(pack.shards) == 3
    for i in range(len(pack)):
        data, stamp = pack.read_stamped(i)
        assert data == folder.read(i)
        assert stamp == pack.stamp(i) == (len(data), zlib.crc32(data))
        assert pack.name(i) == f"{shard_of(pack, i)}/class_{folder.targets[i]}/{i:04d}.jpg"


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_odd_names(tmp_path, format, monkeypatch):
    names = ["x" * 300, "ü→/" * 60 + "y", os.fsdecode(b"\xff\xfe"), "new\nline"]
    samples = Samples([b"picture %d" % n for n in range(4)])
    source = iter(names)
    # The maker gives short names; here each member has one of these instead.
    real = tarfile.TarInfo.__init__
    monkeypatch.setattr(
        tarfile.TarInfo,
        "__init__",
        lambda info, name="": real(info, name if name[-4:] != ".jpg" else next(source) + ".jpg"),
    )
    monkeypatch.setattr("tests.data.pack_maker._locate", locate)
    pack = TarPack(make_pack(tmp_path, samples, shards=1))
    assert sorted(pack.read(i) for i in range(4)) == sorted(samples.read(i) for i in range(4))


def locate(path, shard, names, own, members):
    with tarfile.open(path) as tar:
        pictures = [info for info in tar if info.name.endswith(".jpg")]
    content = path.read_bytes()
    for index, info in zip(own.tolist(), pictures, strict=True):
        at, end = info.offset_data, info.offset_data + info.size
        crc = zlib.crc32(content[at:end])
        members[index] = at, info.size, shard, crc, zlib.crc32(content[at - 512 : at])


def test_a_missing_shard_is_the_samples_misfortune(pack):
    gone = shard_of(pack, 0)
    gone.unlink()
    for i in range(len(pack)):
        if shard_of(pack, i) != gone:
            pack.read(i)
            continue
        with pytest.raises(BadSampleError, match="No such file") as error:
            pack.read(i)
        assert error.value.index == i
        assert str(error.value).startswith(f"sample {i} ({gone}/class_{pack.targets[i]}/{i:04d}.")


def test_a_shortened_shard_loses_its_last_samples_only(pack, folder):
    cut = shard_of(pack, 0)
    own = [i for i in range(len(pack)) if shard_of(pack, i) == cut]
    last = max(own, key=lambda i: pack.members["offset"][i])
    os.truncate(cut, int(pack.members["offset"][last]) + int(pack.members["size"][last]) - 1)
    for i in own:
        if i == last:
            with pytest.raises(BadSampleError, match="cut short"):
                pack.read(i)
        else:
            assert pack.read(i) == folder.read(i)


def test_a_tar_that_is_another_one(pack, tmp_path, folder):
    other = make_pack(tmp_path / "other", folder, seed=1)
    shutil.copy(other / "shard-000000.tar", pack.folder / "shard-000000.tar")
    bad = [i for i in range(len(pack)) if shard_of(pack, i).name == "shard-000000.tar"]
    for i in bad:
        with pytest.raises(BadSampleError, match=r"index and tar disagree|cut short") as error:
            pack.read(i)
        assert "\n" not in str(error.value)
        assert f"/{i:04d}.jpg" in error.value.name


@pytest.mark.parametrize("what", ["name", "size", "zeros"])
def test_a_header_that_is_not_the_one_indexed(pack, what):
    at = int(pack.members["offset"][3]) - 512
    with open(shard_of(pack, 3), "r+b") as file:
        file.seek(at)
        info = tarfile.TarInfo.frombuf(file.read(512), "utf-8", "strict")
        info.name = "another.jpg" if what == "name" else info.name
        info.size += what == "size"
        file.seek(at)
        file.write(bytes(512) if what == "zeros" else info.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(BadSampleError, match="index and tar disagree") as error:
        pack.read(3)
    found = {"name": "another.jpg", "size": "class_", "zeros": "no tar header"}
    assert found[what] in error.value.cause
    assert "pack it again" in error.value.cause


def test_the_advice_for_tars_of_others(pack):
    parts = open_pack_index(pack.folder / INDEX_NAME)
    names = [pack.member(i) for i in range(len(pack))]
    given = {**parts._asdict(), "names": names, "in_place": True, "members": parts.members.copy()}
    given["members"]["header_crc"][0] ^= 1
    del given["ends"], given["crc"]
    with open(pack.folder / "new", "w+b") as file:
        write_pack_index(file, **given)
    os.replace(pack.folder / "new", pack.folder / INDEX_NAME)
    with pytest.raises(BadSampleError, match=f"fasttricks index {pack.folder} --refresh"):
        TarPack(pack.folder).read(0)


def test_pickled_by_path(pack, tmp_path, folder):
    content = pickle.dumps(pack)
    assert len(content) < 500
    again = pickle.loads(content)
    assert [again.read(i) for i in range(9)] == [folder.read(i) for i in range(9)]
    shutil.rmtree(pack.folder)
    make_pack(pack.folder, folder, seed=1)
    with pytest.raises(DataError, match="another one now"):
        pickle.loads(content)


def test_descriptors_close_with_the_pack(folder, tmp_path):
    pack = TarPack(make_pack(tmp_path, folder))
    for i in range(len(pack)):
        pack.read(i)
    files = pack.files
    assert open_under(*files) == 3
    pack.close()
    assert open_under(*files) == 0
    assert pack.read(0) == folder.read(0)
    del pack
    gc.collect()
    assert open_under(*files) == 0


def test_the_seek_index_is_in_the_pack_and_moves_with_it(pack, folder, tmp_path):
    path = build_index(pack)
    assert path == pack.folder / "pack.seek" == pack.seek_index == index_path(pack)
    reference = ensure_index(folder, tmp_path / "folder.seek")
    shutil.copytree(pack.folder, tmp_path / "copy")
    for opened in (pack, TarPack(tmp_path / "copy")):
        index = SeekIndex.open(opened.seek_index, opened)
        for i in range(len(opened)):
            found = index.lookup(i, *opened.read_stamped(i)[1])
            wanted = reference.lookup(i, *folder.read_stamped(i)[1])
            assert (found is None) == (wanted is None)
            if wanted is not None:
                assert found[0].tobytes() == wanted[0].tobytes()
                assert found[1].tobytes() == wanted[1].tobytes()
        assert index.names() == [opened.member(i) for i in range(len(opened))]


def test_refreshing_reads_no_picture_that_has_not_changed(pack, monkeypatch):
    build_index(pack)
    before = pack.seek_index.read_bytes()
    monkeypatch.setattr(TarPack, "read_stamped", None)
    build_index(pack, refresh=True)
    assert pack.seek_index.read_bytes() == before


def test_a_pack_that_cannot_be_written(pack, monkeypatch, tmp_path):
    """Its own seek index if it can be used, else one in the cache folder."""
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != pack.folder and may(path, mode))
    elsewhere = index_path(pack)
    assert elsewhere.parent == tmp_path / "cache" / "index"
    assert ensure_index(pack).path == elsewhere
    build_index(pack, pack.seek_index)
    assert ensure_index(pack).path == pack.seek_index
    pack.seek_index.write_bytes(pack.seek_index.read_bytes()[:-1])
    assert ensure_index(pack).path == elsewhere


def test_no_index_or_a_bad_one(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        TarPack(tmp_path)
    (tmp_path / INDEX_NAME).write_bytes(b"nonsense" * 30)
    with pytest.raises(DataError, match="is not a pack index"):
        TarPack(tmp_path)


@pytest.mark.parametrize("targets", [np.eye(3, 4, dtype=np.float32), [True, False, True]], ids=str)
def test_targets_of_any_kind(tmp_path, targets):
    samples = Samples([b"a", b"bc", b"d"], targets)
    pack = TarPack(make_pack(tmp_path, samples))
    assert pack.targets.dtype == samples.targets.dtype
    assert np.array_equal(pack.targets, samples.targets)
