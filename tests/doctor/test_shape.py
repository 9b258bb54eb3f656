from pathlib import Path

import pytest

from fasttricks.doctor.shape import look_at_shape
from fasttricks.errors import DataError
from fasttricks.pipelines.beton.pack import pack
from tests.doctor.sets import make_folder, make_pack


def files(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def one(lines):
    (line,) = lines
    assert "\n" not in line
    return line


def test_a_divided_folder_is_good(tmp_path):
    root = files(tmp_path, "train/a/1.jpg", "train/a/2.jpg", "train/b/3.jpg")
    files(root, "val/a/4.jpg", "val/b/5.jpg")
    shape = look_at_shape(root)
    assert (len(shape.samples), shape.validation) == (3, 2)
    assert shape.problems == shape.notes == ()
    assert len(look_at_shape(root, train=False).samples) == 2


def test_other_classes_in_val(tmp_path):
    root = files(tmp_path, *(f"train/{c}/{n}.jpg" for c in "abcde" for n in "12"), "val/a/1.jpg")
    files(root, "val/x/1.jpg")
    said = one(look_at_shape(root).problems)
    assert "train has 5 classes and val 2" in said
    assert "b, c, d and 1 more are in train only" in said
    assert "x is in val only" in said


def test_fewer_to_train_on_than_to_evaluate_on(tmp_path):
    root = files(tmp_path, "train/a/1.jpg", "val/a/1.jpg", "val/a/2.jpg")
    said = one(look_at_shape(root).problems)
    assert "fewer pictures (1) than val (2)" in said
    assert one(look_at_shape(root, train=False).problems) == said


def test_packs_are_compared_too(tmp_path):
    source = make_folder(tmp_path / "source", count=6)
    other = make_folder(tmp_path / "other", count=4)
    (other / "class_1").rename(other / "class_9")
    root = tmp_path / "packs"
    root.mkdir()
    make_pack(root / "train", source)
    make_pack(root / "val", other)
    assert "class_9 is in val only" in one(look_at_shape(root).problems)


def test_an_undivided_folder_is_no_problem_but_said(tmp_path):
    shape = look_at_shape(files(tmp_path, "a/1.jpg", "b/2.jpg"))
    assert shape.problems == ()
    assert "not divided into train and val" in one(shape.notes)


def test_half_a_data_set(tmp_path):
    root = files(tmp_path, "train/a/1.jpg", "train/b/1.jpg")
    assert "has a folder train and no val" in one(look_at_shape(root).notes)
    root = files(tmp_path / "other", "val/a/1.jpg")
    assert "nothing to train on" in one(look_at_shape(root, train=False).notes)


def test_one_part_given_alone(tmp_path):
    files(tmp_path, "train/a/1.jpg", "val/a/1.jpg")
    assert f"give {tmp_path.resolve()}" in one(look_at_shape(tmp_path / "train").notes)


def test_parts_with_other_names_are_not_taken_for_classes(tmp_path):
    said = one(look_at_shape(files(tmp_path, "Train/a/1.jpg", "Test/a/2.jpg")).problems)
    assert "Test, Train" in said


def test_a_class_called_train_is_one(tmp_path):
    shape = look_at_shape(files(tmp_path, "car/1.jpg", "train/2.jpg"))
    assert shape.problems == ()
    assert "not divided into train and val" in one(shape.notes)


def test_a_folder_above_the_one_with_the_classes(tmp_path):
    root = files(tmp_path, "images/cats/1.jpg", "images/dogs/2.jpg")
    said = one(look_at_shape(root).problems)
    assert f"give {tmp_path / 'images'} if" in said
    deep = look_at_shape(files(tmp_path / "images", "cats/deeper/1.jpg"))
    assert deep.problems == ()  # two classes; that pictures lie deeper is allowed


def test_what_cannot_be_opened_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="does not exist"):
        look_at_shape(tmp_path / "nothing")
    with pytest.raises(DataError, match="no class folders"):
        look_at_shape(files(tmp_path / "loose", "1.jpg"))
    with pytest.raises(DataError, match="no 'train'"):
        look_at_shape(files(tmp_path / "half", "val/a/1.jpg"))

    def refuse(data, train):
        raise PermissionError(13, "Permission denied", str(Path(data) / "a"))

    monkeypatch.setattr("fasttricks.doctor.shape.open_data_set", refuse)
    with pytest.raises(DataError, match="a cannot be read: Permission denied"):
        look_at_shape(tmp_path)


def test_a_closed_class_folder_is_not_called_empty(tmp_path, monkeypatch):
    files(tmp_path, "train/a/1.jpg", "val/a/1.jpg")
    (tmp_path / "train" / "b").mkdir()
    with pytest.raises(DataError, match="b holds no pictures"):
        look_at_shape(tmp_path)
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "b")  # root may all
    with pytest.raises(DataError, match="train/b cannot be read: permission denied"):
        look_at_shape(tmp_path)


def test_a_beton_has_no_shape(folder, tmp_path):
    pack(folder, tmp_path / "a.beton", progress=False)
    shape = look_at_shape(tmp_path / "a.beton")
    assert (shape.validation, shape.problems, shape.notes) == (None, (), ())
