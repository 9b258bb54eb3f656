"""The official archives give the samples of the unpacked folder: same order, labels and bytes."""

import pytest

from fasttricks.data.folder import scan_folder
from fasttricks.errors import DataError
from fasttricks.pack.imagenet import find, train_samples, val_samples
from tests.pack.archives import (
    SYNSETS,
    VAL,
    picture_name,
    synset_lines,
    tar_bytes,
    train_pictures,
    val_pictures,
    write_train,
    write_val,
)
from tests.pack.packs import write


def assert_same(samples, folder):
    assert samples.classes == folder.classes
    assert samples.targets.tolist() == folder.targets.tolist()
    for index in range(len(folder)):
        assert samples.member(index).decode() == "/".join(folder.name(index).split("/")[-2:])
        assert samples.read(index) == folder.read(index)
    assert len(samples) == len(folder)


def test_train(tmp_path):
    archive = write_train(tmp_path)
    folder = write(tmp_path / "unpacked", train_pictures())
    assert_same(train_samples(archive), scan_folder(folder))


@pytest.mark.parametrize("classes", [[], list(SYNSETS)])
def test_val(tmp_path, classes):
    archive, labels = write_val(tmp_path), tmp_path / "labels.txt"
    labels.write_bytes(synset_lines())
    folder = write(tmp_path / "unpacked", val_pictures())
    assert_same(val_samples(archive, labels, classes), scan_folder(folder))


def test_indices_are_the_same_as_in_train(tmp_path):
    """Also where validation pictures are of some of the classes only."""
    archive, labels = write_val(tmp_path), tmp_path / "labels.txt"
    labels.write_bytes(synset_lines())
    more = sorted([*SYNSETS, "n01000000", "n09999999"])
    samples = val_samples(archive, labels, more)
    assert samples.classes == more
    assert {more[t] for t in samples.targets} == set(SYNSETS)


def test_class_indices_without_synsets(tmp_path):
    archive, labels = write_val(tmp_path), tmp_path / "val.txt"
    labels.write_text("".join(f"{picture_name(n)} {label}\n" for n, label in enumerate(VAL)))
    samples = val_samples(archive, labels, [])
    assert samples.targets.tolist() == VAL
    assert samples.classes == []
    assert samples.member(0).decode() == picture_name(0)
    named = val_samples(archive, labels, list(SYNSETS))
    assert sorted(named.targets) == sorted(VAL)
    assert named.member(0).decode() == f"{SYNSETS[0]}/{picture_name(1)}"


def test_labels_of_no_class(tmp_path):
    archive, labels = write_val(tmp_path), tmp_path / "labels.txt"
    labels.write_bytes(synset_lines())
    with pytest.raises(DataError, match=r"00000001\.JPEG is of class n02012849, which is none of"):
        val_samples(archive, labels, list(SYNSETS[:2]))
    labels.write_text("".join(f"{picture_name(n)} {label}\n" for n, label in enumerate(VAL)))
    with pytest.raises(DataError, match=r"is of class 2, which is none of the 2 classes"):
        val_samples(archive, labels, list(SYNSETS[:2]))


def test_other_archives(tmp_path):
    path = tmp_path / "ILSVRC2012_img_train.tar"
    path.write_bytes(tar_bytes({"a.JPEG": b"x"}))
    with pytest.raises(DataError, match="holds no tars of synsets"):
        train_samples(path)
    path.write_bytes(tar_bytes({"n01440764.tar": tar_bytes({"readme": b""})}))
    with pytest.raises(DataError, match=r"train\.tar/n01440764\.tar holds no pictures"):
        train_samples(path)
    whole = tar_bytes({"n01440764.tar": tar_bytes({"a.JPEG": bytes(3000)})})
    path.write_bytes(whole[:2000])
    with pytest.raises(DataError, match="cut short or damaged"):
        train_samples(path)
    path.write_bytes(tar_bytes({"n01440764.tar": b"no tar" * 100}))
    with pytest.raises(DataError, match=r"train\.tar/n01440764\.tar"):
        train_samples(path)
    with pytest.raises(DataError, match="holds no pictures: it is not"):
        val_samples(path, path, [])


def test_finding_them(tmp_path):
    assert find(tmp_path) is None
    assert find(tmp_path / "nowhere") is None
    val = write_val(tmp_path)
    assert find(tmp_path) == (None, val, True)
    train = write_train(tmp_path)
    assert find(tmp_path) == (train, val, True)
    assert find(train) == (train, None, False)
    assert find(val) == (None, val, False)
    other = tmp_path / "other.tar"
    other.write_bytes(b"")
    assert find(other) is None
