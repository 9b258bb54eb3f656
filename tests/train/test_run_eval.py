"""`fasttricks eval` from the command line to its numbers."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torchvision

from fasttricks.cli import main
from fasttricks.commands.eval import Eval
from fasttricks.commands.of_trained import OfTrained
from fasttricks.models import create_model
from fasttricks.models.convert import convert
from fasttricks.pipelines.registry import make_loader
from fasttricks.train.distributed import join
from fasttricks.train.normalize import CONSTANTS
from fasttricks.train.recipes import fast16
from fasttricks.train.run_eval import augment_of, loader_of, report, size_as_trained
from fasttricks.train.weights import Trained, load_trained, normalization
from tests.models.network_checks import lively
from tests.pictures import jpeg
from tests.train.test_weights import saved


def classes_of(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_run_folder_is_evaluated(picture_folder, tmp_path, capsys):
    saved(tmp_path / "run", classes=classes_of(picture_folder))
    out = tmp_path / "numbers.json"
    arguments = ["eval", str(tmp_path / "run"), "--data", str(picture_folder), "--json", str(out)]
    assert main([*arguments, "--batch-size", "8", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "37 pictures at 64 px" in said  # the recipe's evaluation size
    assert "\n  resized bilinear, crop 1\n" in said
    numbers = json.loads(out.read_text())
    assert (numbers["count"], numbers["size"], numbers["flip"]) == (37, 64, False)
    assert 0 <= numbers["top1"] <= numbers["top5"] <= 1
    assert "inference_images_per_s" not in numbers


def test_numbers_are_those_of_the_plain_way(picture_folder, tmp_path, capsys):
    theirs = torchvision.models.resnet18(num_classes=3).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    out = tmp_path / "numbers.json"
    arguments = [
        *("eval", str(tmp_path / "theirs.pth"), "--model", "resnet18b", "--device", "cpu"),
        *("--data", str(picture_folder), "--size", "64", "--json", str(out)),
        *("--pipeline", "torchvision", "--flip", "--batch-size", "16"),
        *("--interpolation", "bicubic", "--crop", "0.9"),
    ]
    assert main(arguments) == 0
    assert "  resized bicubic, crop 0.9, mean of each picture" in capsys.readouterr().out
    from fasttricks import Augment

    mean, std = CONSTANTS["torch"]
    augment = Augment(mean=mean, std=std, interpolation="bicubic", crop_ratio=0.9)
    right, loss = 0, 0.0
    with (
        torch.no_grad(),
        make_loader(
            "torchvision", picture_folder, batch_size=5, train=False, size=64, augment=augment
        ) as loader,
    ):
        for images, labels in loader:
            logits = (theirs(images) + theirs(images.flip(3))) / 2
            right += int((logits.argmax(1) == labels).sum())
            loss += torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item()
    numbers = json.loads(out.read_text())
    assert numbers["top1"] == pytest.approx(right / 37)
    assert numbers["loss"] == pytest.approx(loss / 37, rel=1e-4)


def test_a_set_that_lacks_classes_is_evaluated_by_their_names(picture_folder, tmp_path):
    names = classes_of(picture_folder)
    run = saved(tmp_path / "run", classes=["a", *names, "z"])
    found = load_trained(run)
    with torch.no_grad():  # always says the last class of the pictures, which is the fourth of five
        found.model.classifier.weight.zero_()
        found.model.classifier.bias.copy_(torch.tensor([0.0, 1, 2, 9, 3]))
    run = saved(tmp_path / "run", classes=["a", *names, "z"], model=found.model)
    out = tmp_path / "numbers.json"
    arguments = ["eval", str(run), "--data", str(picture_folder), "--json", str(out)]
    assert main([*arguments, "--device", "cpu"]) == 0
    assert json.loads(out.read_text())["top1"] == pytest.approx(12 / 37)


def test_each_network_gets_the_pixels_that_it_was_trained_with():
    """torchvision's pretrained Inception-V3 turns torch's normalisation into [-1, 1] by itself."""
    pixels = torch.rand(2, 3, 96, 96, dtype=torch.float64) * 255
    theirs = torchvision.models.inception_v3(
        init_weights=False, num_classes=5, aux_logits=True, transform_input=True
    )
    theirs = lively(theirs.double(), normalized(pixels, "torch"))
    ours = create_model("inception_v3", num_classes=5).double().eval()
    ours.load_state_dict(convert(theirs.state_dict(), "inception_v3"))
    assert normalization(Trained(model=ours, name="inception_v3")) == "half"
    with torch.no_grad():
        expected = theirs(normalized(pixels, "torch"))
        torch.testing.assert_close(ours(normalized(pixels, "half")), expected, rtol=1e-6, atol=1e-6)
        wrong = ours(normalized(pixels, "torch"))
    assert not torch.allclose(wrong, expected, rtol=1e-2)
    assert normalization(Trained(model=create_model("resnet18"), name="resnet18")) == "torch"


def normalized(pixels, name):
    mean, std = (torch.tensor(row, dtype=torch.float64)[:, None, None] for row in CONSTANTS[name])
    return (pixels - mean) / std


@pytest.mark.parametrize("given", [{}, {"normalize": "mean-only"}])
def test_ours_get_the_pixels_of_their_recipe(picture_folder, tmp_path, given):
    trained = load_trained(saved(tmp_path))
    trained.recipe["augment"].update(given)
    mean, std = CONSTANTS[given.get("normalize", "bag-of-tricks")]
    options = OfTrained(checkpoint=tmp_path, pipeline="torchvision", batch_size=4, size=32)
    with join("cpu") as world, loader_of(trained, picture_folder, options, world) as loader:
        assert (loader.options.augment.mean, loader.options.augment.std) == (mean, std)
    half, _ = CONSTANTS["half"]
    asked = Eval(checkpoint=tmp_path, data=picture_folder, normalize="half")
    assert augment_of(trained, asked) == replace(trained.augment, mean=half, std=half)


def test_the_size_that_training_looked_like_is_told():
    facts = dict.fromkeys(("averaged", "flip"), False) | {"dtype": "float32", "images_per_s": 1.0}
    facts |= {"model": "m", "checkpoint": "c", "size": 192, "size_as_trained": 192, "left_out": 0}
    facts |= {"interpolation": "bilinear", "crop_ratio": 0.875}
    assert "as in training" not in report(facts, "top-1")
    assert "as in training at 224 px: see --size" in report(facts | {"size_as_trained": 224}, "x")
    recipe = fast16().as_dict()
    trained = Trained(model=torch.nn.Identity(), name="x", recipe=recipe)
    assert size_as_trained(trained) == 224  # trained at 160, then 192
    assert size_as_trained(Trained(model=torch.nn.Identity(), name="x")) is None


def test_a_loss_that_is_not_finite_is_null(picture_folder, tmp_path):
    names = classes_of(picture_folder)
    model = create_model("mobilenet_v1_025", num_classes=3)
    torch.nn.init.constant_(model.classifier.bias, float("nan"))
    run = saved(tmp_path / "run", classes=names, model=model)
    out = tmp_path / "numbers.json"
    arguments = ["eval", str(run), "--data", str(picture_folder), "--json", str(out)]
    assert main([*arguments, "--device", "cpu", "--size", "32"]) == 0

    def strange(name):
        raise ValueError(f"{name} is no JSON")

    assert json.loads(out.read_text(), parse_constant=strange)["loss"] is None


def test_throughput_on_request(picture_folder, tmp_path, capsys):
    saved(tmp_path / "run", classes=classes_of(picture_folder))
    common = ["--data", str(picture_folder), "--device", "cpu", "--throughput"]
    assert main(["eval", str(tmp_path / "run"), *common, "--size", "32"]) == 0
    assert "images/s inference alone, batch 64 at 32 px" in capsys.readouterr().out


def test_mistakes_are_told_in_one_line(picture_folder, tmp_path, capsys):
    def told(*arguments):
        assert main(["eval", *map(str, arguments), "--data", str(picture_folder)]) == 2
        return capsys.readouterr().err.splitlines()

    (empty := tmp_path / "empty").mkdir()
    assert told(tmp_path / "nowhere") == [
        f"fasttricks: error: there is nothing at {tmp_path / 'nowhere'}"
    ]
    assert "there is no checkpoint in" in told(empty)[-1]
    names = classes_of(picture_folder)
    run = saved(tmp_path / "run", classes=[names[0], "other", names[2]])
    assert f"{names[1]} is not among {names[0]}, other, {names[2]}" in told(run)[-1]
    run = saved(tmp_path / "few", classes=names[:2])
    assert f"{names[2]} is not among {names[0]}, {names[1]}" in told(run)[-1]
    few = tmp_path / "few.pth"
    torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), few)
    assert "label 2, the model 2 classes" in told(few, "--model", "resnet18b")[-1]


def test_a_place_for_the_numbers_is_looked_at_first(picture_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fasttricks.train.run_eval.load_trained", lambda *_, **__: 1 / 0)
    out = str(tmp_path / "nowhere" / "x.json")
    assert main(["eval", str(tmp_path), "--data", str(picture_folder), "--json", out]) == 2
    told = capsys.readouterr().err
    assert told == f"fasttricks: error: cannot write {out}: {tmp_path}/nowhere is not a folder\n"


@pytest.mark.parametrize(("rate", "shown"), [(0.4, "<1"), (1.0, "1"), (1234.4, "1234")])
def test_no_rate_is_shown_as_nothing(rate, shown):
    facts = dict.fromkeys(("averaged", "flip"), False) | {"dtype": "float32", "images_per_s": rate}
    facts |= {"model": "m", "checkpoint": "c", "size": 64, "inference_images_per_s": rate}
    facts |= {"interpolation": "bicubic", "crop_ratio": 0.95, "left_out": 0}
    facts["size_as_trained"] = None
    how, first, second = report(facts, "top-1").splitlines()[1:]
    assert how == "  resized bicubic, crop 0.95"
    assert first == f"  {shown} images/s, loading included"
    assert second.startswith(f"  {shown} images/s inference alone")


def test_more_processes_than_pictures_evaluate_and_measure(tmp_path):
    """The first two of four have no picture, and the first is the one that prints."""
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "1.jpg").write_bytes(jpeg(40, 50))
    saved(tmp_path / "run", classes=["a", "b"])
    out = tmp_path / "out.json"
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=4", "--standalone"),
        *("-m", "fasttricks", "eval", str(tmp_path / "run"), "--data", str(tmp_path / "data")),
        *("--device", "cpu", "--pipeline", "torchvision", "--throughput", "--size", "32"),
        *("--json", str(out)),
    ]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "on 2 pictures at 32 px" in done.stdout
    assert json.loads(out.read_text())["inference_images_per_s"] > 0


def test_two_processes_count_every_picture_once(picture_folder, tmp_path):
    saved(tmp_path / "run", classes=classes_of(picture_folder))
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"),
        *("-m", "fasttricks", "eval", str(tmp_path / "run"), "--data", str(picture_folder)),
        *("--device", "cpu", "--batch-size", "8", "--pipeline", "torchvision"),
    ]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("on 37 pictures at 64 px") == 1


def test_bad_pictures_end_it_or_are_left_out(picture_folder, tmp_path, capsys):
    folder = tmp_path / "pictures"
    shutil.copytree(picture_folder, folder)
    (folder / "class_1" / "bad.jpg").write_bytes(b"no picture")
    saved(tmp_path / "run", classes=classes_of(folder))
    arguments = ["eval", str(tmp_path / "run"), "--data", str(folder), "--device", "cpu"]
    assert main(arguments) == 2
    assert "bad.jpg" in capsys.readouterr().err
    assert main([*arguments, "--on-error", "replace"]) == 0
    said = capsys.readouterr().out
    assert "37 pictures at" in said
    assert "without 1 picture that could not be decoded" in said
