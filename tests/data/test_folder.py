import pytest

from fasttricks.data import loose_pictures, scan_folder
from fasttricks.errors import DataError


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_classes_and_files_in_sorted_order(tmp_path):
    for name in [
        "b/2.jpg",
        "b/1.JPEG",
        "a/deep/er/3.png",
        "a/4.jpg",
        "a/notes.txt",
        "a/.hidden.jpg",
    ]:
        touch(tmp_path / name)
    (tmp_path / ".git").mkdir()
    samples = scan_folder(tmp_path)
    names = [samples.path(i).relative_to(tmp_path).as_posix() for i in range(len(samples))]
    assert names == ["a/4.jpg", "a/deep/er/3.png", "b/1.JPEG", "b/2.jpg"]
    assert samples.targets.tolist() == [0, 0, 1, 1]
    assert samples.classes == ["a", "b"]


def test_train_and_val_inside(tmp_path):
    touch(tmp_path / "train/cat/1.jpg")
    touch(tmp_path / "val/cat/2.jpg")
    assert scan_folder(tmp_path, train=True).name(0).endswith("train/cat/1.jpg")
    assert scan_folder(tmp_path, train=False).name(0).endswith("val/cat/2.jpg")


def test_a_missing_split_is_not_replaced_by_the_other(tmp_path):
    touch(tmp_path / "train/cat/1.jpg")
    with pytest.raises(DataError, match="'train' but no 'val'"):
        scan_folder(tmp_path, train=False)


def test_bad_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        scan_folder(tmp_path / "nowhere")
    touch(tmp_path / "file.jpg")
    with pytest.raises(DataError, match="not a folder"):
        scan_folder(tmp_path / "file.jpg")
    with pytest.raises(DataError, match=r"no class folders.*1 loose pictures.*Samples"):
        scan_folder(tmp_path)
    touch(tmp_path / "full/1.jpg")
    (tmp_path / "hollow").mkdir()
    with pytest.raises(DataError, match=r"class folder .*hollow holds no pictures"):
        scan_folder(tmp_path)


def test_loose_pictures(tmp_path):
    for name in ["b.jpg", "a.png", "sub/c.webp", "readme.md"]:
        touch(tmp_path / name)
    samples = loose_pictures(tmp_path)
    assert [samples.path(i).name for i in range(3)] == ["a.png", "b.jpg", "c.webp"]
    assert samples.targets.tolist() == [0, 0, 0]
    with pytest.raises(DataError, match="no pictures"):
        loose_pictures(tmp_path / "nowhere")
