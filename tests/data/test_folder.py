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


@pytest.mark.parametrize("train", [True, False])
def test_a_class_called_train(tmp_path, train):
    for name in ["car/1.jpg", "plane/2.jpg", "train/3.jpg"]:
        touch(tmp_path / name)
    samples = scan_folder(tmp_path, train=train)
    assert samples.classes == ["car", "plane", "train"]
    touch(tmp_path / "train/ice/4.jpg")
    with pytest.raises(DataError, match=r"two ways: 'train' is a part .* or a class, like 'car'"):
        scan_folder(tmp_path, train=train)


@pytest.mark.parametrize(
    "beside",
    [
        ["val/cat/2.jpg"],
        ["val/cat/2.jpg", "test/3.jpg", "LICENSE"],
        ["val/cat/2.jpg", "unlabelled/3.jpg"],
        ["val/2.jpg", "annotations/1.xml"],
        ["annotations/cat/1.xml", ".cache/1.jpg"],
        ["Test/3.jpg"],
    ],
)
def test_what_lies_beside_a_split(tmp_path, beside):
    for name in ["train/cat/1.jpg", *beside]:
        touch(tmp_path / name)
    assert len(scan_folder(tmp_path)) == 1


def test_a_split_of_loose_pictures_is_no_class(tmp_path):
    for name in ["train/1.jpg", "test/2.jpg"]:
        touch(tmp_path / name)
    with pytest.raises(DataError, match=r"train has no class folders.*1 loose pictures"):
        scan_folder(tmp_path)


def test_links_that_lead_back(tmp_path):
    touch(tmp_path / "a/1.jpg")
    touch(tmp_path / "elsewhere/2.jpg")
    (tmp_path / "a/loop").symlink_to(".")
    (tmp_path / "a/more").symlink_to("../elsewhere")
    assert [str(loose_pictures(tmp_path / "a").path(i).name) for i in range(2)] == [
        "1.jpg",
        "2.jpg",
    ]
    assert len(loose_pictures(tmp_path / "a")) == 2


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


def test_a_folder_of_compressed_tars_says_so(tmp_path):
    (tmp_path / "train-000.tar.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"train-000\.tar\.gz is compressed .*: unpack it"):
        scan_folder(tmp_path)
