import shutil

import pytest

from fasttricks.data import scan_folder
from fasttricks.data.open import Layout, as_path, locate, open_data
from fasttricks.data.pack_index import INDEX_NAME
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import DataError
from tests.data.pack_maker import make_pack, write_tar


@pytest.fixture
def pack(picture_folder, tmp_path):
    return make_pack(tmp_path / "pack", scan_folder(picture_folder))


def test_a_folder_of_pictures(picture_folder):
    samples = open_data(str(picture_folder))
    assert [samples.name(i) for i in range(37)] == [
        scan_folder(picture_folder).name(i) for i in range(37)
    ]
    assert locate(picture_folder) == (Layout.PICTURES, picture_folder)


def test_a_pack(pack):
    for train in (True, False):
        samples = open_data(pack, train=train)
        assert isinstance(samples, TarPack)
        assert samples.folder == pack
    assert locate(pack) == (Layout.PACK, pack)


def test_parts_of_both_kinds(picture_folder, pack, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(pack, both / "train")
    shutil.copytree(picture_folder, both / "val")
    assert open_data(both).folder == both / "train"
    assert open_data(both, train=False).name(0).startswith(f"{both}/val/class_0/")
    shutil.rmtree(both / "val")
    with pytest.raises(DataError, match="has a folder 'train' but no 'val'"):
        open_data(both, train=False)


def test_tars_without_an_index(pack):
    (pack / INDEX_NAME).unlink()
    assert locate(pack) == (Layout.TARS, pack)
    with pytest.raises(DataError) as error:
        open_data(pack)
    assert f"fasttricks index {pack}" in str(error.value)
    assert f"fasttricks pack {pack} DST" in str(error.value)


def test_a_stray_tar_does_not_make_a_folder_of_pictures_one_of_tars(picture_folder, tmp_path):
    shutil.copytree(picture_folder, tmp_path / "d")
    write_tar(tmp_path / "d" / "backup.tar", [])
    assert len(open_data(tmp_path / "d")) == 37


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.tar", "is one tar; give the folder of the tars, after: fasttricks index"),
        ("x.beton", "is a .beton: loaders read it; here give what it was made of"),
        ("x.txt", "is not a folder of pictures"),
        (None, "does not exist"),
    ],
)
def test_what_is_no_folder(tmp_path, name, words):
    path = tmp_path / (name or "nowhere")
    if name:
        path.write_bytes(b"content")
    with pytest.raises(DataError, match=words) as error:
        open_data(path)
    assert str(error.value).startswith(str(path))


def test_a_damaged_index_is_named(pack):
    (pack / INDEX_NAME).write_bytes(b"")
    with pytest.raises(DataError, match="is not a pack index"):
        open_data(pack)


@pytest.mark.parametrize("take", [as_path, open_data])
def test_an_empty_path_is_not_the_current_folder(take):
    with pytest.raises(DataError, match=r"an empty path; the current folder is '\.'"):
        take("")
    assert as_path(".") == "."


@pytest.mark.parametrize("name", ["x.tar.gz", "x.TGZ", "x.tar.zst"])
def test_a_compressed_tar_says_so(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=f"{name} is compressed .*: unpack it"):
        locate(tmp_path / name)


def test_a_folder_that_may_not_be_read_is_a_sentence(pack, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.exists", refuse)
    with pytest.raises(DataError, match=f"{INDEX_NAME} cannot be read: Permission denied"):
        locate(pack)
