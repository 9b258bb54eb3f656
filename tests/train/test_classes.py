"""Labels of two sets are matched by the names of their classes."""

import shutil
from dataclasses import replace

import pytest
import torch

from fasttricks.cli import main
from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.train.classes import check_same, count_classes, label_map
from fasttricks.train.trainer import train
from tests.pictures import jpeg
from tests.train import tiny


def samples(targets, classes=()):
    return Samples(
        [jpeg(20, 20, seed=i) for i in range(len(targets))], targets, classes=list(classes)
    )


def test_classes_are_counted_and_compared():
    assert count_classes(samples([0, 2, 1]), None) == 3
    assert count_classes(samples([0, 1], "abc"), None) == 3
    assert count_classes(samples([0, 2]), 1000) == 1000
    with pytest.raises(DataError, match=r"has 3 classes, the recipe's model\.num_classes is 2"):
        count_classes(samples([0, 2]), 2)
    with pytest.raises(DataError, match="training needs one class index"):
        count_classes(samples([[0.5, 0.5]]), None)


def test_a_set_that_lacks_classes_is_matched_by_name():
    assert label_map("abc", samples([0, 1], "ac"), 3).tolist() == [0, 2]
    assert label_map(["b", "a"], samples([0, 1], "ab"), 2).tolist() == [1, 0]
    assert label_map("abc", samples([0, 2], "abc"), 3) is None


def test_without_names_labels_are_taken_as_they_are():
    assert label_map([], samples([0, 1], "ab"), 2) is None
    assert label_map("ab", samples([0, 1]), 2) is None
    with pytest.raises(DataError, match="label 2, the model 2 classes"):
        label_map("ab", samples([0, 2]), 2)


def test_classes_that_nobody_was_trained_for_are_refused():
    with pytest.raises(DataError, match="d is not among a, b, c"):
        label_map("abc", samples([0, 1], "ad"), 3)
    with pytest.raises(DataError, match="d, e, f and 1 more are not among a"):
        label_map("a", samples([0, 1], "defg"), 1)


def test_the_same_means_in_the_same_order():
    check_same("ab", ["a", "b"], "x")
    check_same([], "ab", "x")
    with pytest.raises(
        DataError, match=r"the teacher was trained .* class 1 is b there and c here"
    ):
        check_same("ab", "ac", "the teacher")
    with pytest.raises(DataError, match="2 classes there, 3 here"):
        check_same("ab", "abc", "x")


@pytest.fixture
def lacking(picture_folder, tmp_path):
    """The pictures without those of class_0, which moves the numbers of the others."""
    shutil.copytree(picture_folder, tmp_path / "val", symlinks=True)
    shutil.rmtree(tmp_path / "val" / "class_0")
    return tmp_path / "val"


def evaluating(val, picture_folder, out):
    """A small run on the pictures, evaluated on `val`."""
    made = tiny.recipe(picture_folder, out, schedule={"epochs": 2})
    return replace(made, data=replace(made.data, val=str(val)))


def test_training_evaluates_a_set_without_its_first_class(picture_folder, lacking, tmp_path):
    """Both outcomes must be those of the same weights and labels."""

    def outcome(val, out):
        return train(evaluating(val, picture_folder, tmp_path / out), constant).metrics

    assert outcome(picture_folder, "all").top1 == pytest.approx(12 / 37)
    assert outcome(lacking, "lacking").top1 == pytest.approx(12 / 24)


class Constant(torch.nn.Module):
    """Always says class 1."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(3))

    def forward(self, images):
        says = torch.tensor([0.0, 9.0, 0.0]) + 0 * self.unused
        return says.expand(len(images), 3)


def constant(recipe, classes):
    return Constant()


def test_training_refuses_a_set_with_another_class_before_it_begins(picture_folder, tmp_path):
    shutil.copytree(picture_folder, tmp_path / "val")
    shutil.copytree(picture_folder / "class_0", tmp_path / "val" / "class_9")
    made = evaluating(tmp_path / "val", picture_folder, tmp_path / "out")
    with pytest.raises(DataError, match="class_9 is not among class_0, class_1, class_2"):
        train(made, tiny.plain)
    assert not list((tmp_path / "out").glob("*.pt"))


def test_a_teacher_of_other_classes_is_refused(picture_folder, tmp_path, capsys):
    from tests.train.test_weights import saved

    path = saved(tmp_path / "teacher", classes=["class_0", "other", "class_2"])
    arguments = ["--loss.teacher", str(path), "--out", str(tmp_path / "out"), "--device", "cpu"]
    few = ["--max-steps", "1", "--data.val", "none", "--data.size", "32", "--data.batch-size", "8"]
    data = ["--data", str(picture_folder)]
    assert main(["train", "cpu-small", *data, *few, "--mix.group", "8", *arguments]) == 2
    assert "class 1 is other there and class_1 here" in capsys.readouterr().err
