"""`fasttricks index`, run in this process."""

import pytest

from fasttricks.commands.index import Index
from fasttricks.data import scan_folder
from fasttricks.data.pack_index import INDEX_NAME
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import MAGIC
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import DataError
from tests.data.pack_maker import make_pack, write_tar


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pack(picture_folder, tmp_path):
    return make_pack(tmp_path / "pack", scan_folder(picture_folder))


def test_a_folder_is_indexed_in_the_cache(picture_folder, cache, capsys):
    assert Index(picture_folder).run() == 0
    (index,) = (cache / "index").iterdir()
    told = capsys.readouterr().out
    assert told.startswith(f"{index}: 31 of 37 pictures indexed")
    assert index.read_bytes().startswith(MAGIC)


def test_a_pack_is_indexed_where_it_is(pack, cache, capsys):
    before = (pack / INDEX_NAME).read_bytes()
    for refresh in (False, True):
        assert Index(pack, refresh=refresh).run() == 0
        assert capsys.readouterr().out.startswith(f"{pack / 'pack.seek'}: 31 of 37")
    assert (pack / INDEX_NAME).read_bytes() == before
    assert not cache.exists()


def test_tars_become_a_pack(pack, cache, capsys):
    (pack / INDEX_NAME).unlink()
    assert Index(pack).run() == 0
    assert capsys.readouterr().out.startswith(f"{pack / 'pack.seek'}: 31 of 37")
    opened = TarPack(pack)
    assert len(SeekIndex.open(pack / "pack.seek", opened)) == 37
    write_tar(pack / "shard-000001.tar", [("a.jpg", b"x"), ("a.cls", b"1")])
    assert Index(pack).run() == 0  # the tars are not looked at again
    assert len(TarPack(pack)) == 37
    assert Index(pack, refresh=True).run() == 0
    assert len(TarPack(pack)) == 26
    assert not cache.exists()


def test_the_part_for_evaluation_and_another_place(pack, tmp_path, capsys):
    (pack / INDEX_NAME).unlink()
    pack.rename(tmp_path / "val")
    with pytest.raises(DataError, match="has a folder 'val' but no 'train'"):
        Index(tmp_path).run()
    assert Index(tmp_path, eval=True, out=tmp_path / "out.seek").run() == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'out.seek'}: 31 of 37")
    assert (tmp_path / "val" / INDEX_NAME).exists()
    assert not (tmp_path / "val" / "pack.seek").exists()
