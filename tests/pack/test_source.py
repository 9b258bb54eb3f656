"""What can be packed, and what its samples are called."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.pack import pack
from fasttricks.pack.source import open_source
from tests.pack.archives import synset_lines, tar_bytes, write_train, write_val
from tests.pack.packs import small_folder, write
from tests.pictures import jpeg

TAR = {"a/1.jpg": b"A", "a/1.cls": b"5", "b/1.jpg": b"B", "b/1.cls": b"3", "b/1.txt": b"text"}
CLASSES = {"./cat/1.jpg": b"A", "./ant/2.png": b"B"}


def told(parts):
    return [(part.split, part.train, list(part.names())) for part in parts]


def test_a_folder(tmp_path):
    small_folder(tmp_path / "x", 3)
    names = [f"class_{i}/picture_0{i}.JPEG".encode() for i in range(3)]
    assert told(open_source(tmp_path / "x")) == [("", True, names)]


def test_one_class_keeps_its_folder(tmp_path):
    write(tmp_path, {"cats/1.jpg": b""})
    assert told(open_source(tmp_path)) == [("", True, [b"cats/1.jpg"])]


def test_a_folder_for_validation(tmp_path):
    small_folder(tmp_path / "val", 1)
    assert [part.train for part in open_source(tmp_path / "val")] == [False]


@pytest.mark.parametrize("folders", [["train", "valid"], ["train"], ["val"]])
def test_a_divided_folder(tmp_path, folders):
    for folder in folders:
        write(tmp_path, {f"{folder}/cats/{folder}.jpg": b""})
    expected = [
        (split, split == "train", [f"cats/{folder}.jpg".encode()])
        for folder, split in zip(folders, [f.replace("valid", "val") for f in folders], strict=True)
    ]
    assert told(open_source(tmp_path)) == expected


def test_tars(tmp_path):
    (tmp_path / "b.tar").write_bytes(tar_bytes(TAR))
    (tmp_path / "a.tar").write_bytes(tar_bytes({"c.jpg": b"C", "c.cls": b"0"}))
    (part,) = open_source(tmp_path)
    assert list(part.names()) == [b"c.jpg", b"a/1.jpg", b"b/1.jpg"]
    assert part.samples.targets.tolist() == [0, 5, 3]
    assert [part.samples.read(i) for i in range(3)] == [b"C", b"A", b"B"]
    (part,) = open_source(tmp_path / "b.tar")
    assert list(part.names()) == [b"a/1.jpg", b"b/1.jpg"]


def test_class_folders_in_a_tar(tmp_path):
    (tmp_path / "x.tar").write_bytes(tar_bytes(CLASSES))
    (part,) = open_source(tmp_path / "x.tar")
    assert list(part.names()) == [b"cat/1.jpg", b"ant/2.png"]
    assert part.samples.classes == ["ant", "cat"]
    assert part.samples.targets.tolist() == [1, 0]


def test_divided_tars(tmp_path):
    for split in ("train", "val"):
        write(tmp_path, {f"{split}/x.tar": tar_bytes(TAR)})
    assert [(part.split, part.train) for part in open_source(tmp_path)] == [
        ("train", True),
        ("val", False),
    ]


def test_names_of_a_pack_are_those_before_packing(tmp_path):
    names = ["a.b/x.jpg", "a.b/ü.jpg", "a.b/ü.png"]  # the last one's key holds its ending
    write(tmp_path / "x", {name: jpeg(8, 8) for name in names})
    pack(tmp_path / "x", tmp_path / "p")
    (before,), (after,) = open_source(tmp_path / "x"), open_source(tmp_path / "p")
    assert list(after.names())[:2] == list(before.names())[:2]
    pack(tmp_path / "p", tmp_path / "q")
    (again,) = open_source(tmp_path / "q")
    assert [again.samples.member(i) for i in range(3)] == [
        after.samples.member(i) for i in range(3)
    ]


def test_samples(tmp_path):
    folder = small_folder(tmp_path / "x", 2)
    paths = sorted(folder.rglob("*.JPEG"))
    expected = [b"class_0/picture_00.JPEG", b"class_1/picture_01.JPEG"]
    assert told(open_source(Samples(paths))) == [("", True, expected)]
    assert told(open_source(Samples([b"", b""]))) == [("", True, [b"000000000", b"000000001"])]


def test_archives(tmp_path):
    write_train(tmp_path)
    val = write_val(tmp_path)
    (tmp_path / "synset_labels.txt").write_bytes(synset_lines())
    train_part, val_part = open_source(tmp_path)
    assert (train_part.split, train_part.train, train_part.samples.classes) == (
        ("train", True, val_part.samples.classes)
    )
    assert (val_part.split, val_part.train) == ("val", False)
    assert val_part.origin == f"{val}, {tmp_path}/synset_labels.txt"
    (alone,) = open_source(val, labels=tmp_path / "synset_labels.txt")
    assert (alone.split, alone.train) == ("", False)
    assert list(alone.names()) == list(val_part.names())


def test_what_cannot_be_packed(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no class folders"):
        open_source(tmp_path)
    write(tmp_path, {"x.zip": b"", "x.tar": b"no tar"})
    with pytest.raises(DataError, match=r"neither a folder nor a \.tar"):
        open_source(tmp_path / "x.zip")
    with pytest.raises(DataError, match=r"x\.tar"):
        open_source(tmp_path / "x.tar")
    val = write_val(tmp_path)
    with pytest.raises(DataError, match="no ground truth beside"):
        open_source(val)


def test_labels_where_none_belong(tmp_path):
    small_folder(tmp_path / "x")
    with pytest.raises(ValueError, match=r"labels are for ILSVRC2012_img_val\.tar"):
        open_source(tmp_path / "x", labels=tmp_path / "labels.txt")
    train = write_train(tmp_path)
    with pytest.raises(ValueError, match="has its own"):
        open_source(train, labels=tmp_path / "labels.txt")


def digest(source):
    (part,) = open_source(source)
    with ThreadPoolExecutor(2) as pool:
        return part.digest(pool)


def test_the_digest_knows_files_and_targets(tmp_path):
    folder = small_folder(tmp_path / "x", 4)
    first = digest(folder)
    assert digest(folder) == first
    path = folder / "class_0" / "picture_00.JPEG"
    data = path.read_bytes()
    path.write_bytes(data + b"x")
    changed = digest(folder)
    path.rename(path.with_name("other.JPEG"))
    assert len({first, changed, digest(folder)}) == 3
    pictures = [b"a", b"b"]
    digests = [
        digest(Samples(pictures)),
        digest(Samples([b"a", b"c"])),
        digest(Samples(pictures, [1, 0])),
        digest(Samples(pictures, np.array([1, 0], np.int32))),
        digest(Samples(pictures, [1, 0], classes=["x", "y"])),
    ]
    assert len(set(digests)) == 5


def test_a_compressed_tar_says_so(tmp_path):
    path = write(tmp_path, {"x.tar.gz": b""}) / "x.tar.gz"
    with pytest.raises(DataError, match="is compressed: unpack it"):
        open_source(path)
