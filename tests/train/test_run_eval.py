"""`fasttricks eval` from the command line to its numbers."""

import json
import os
import subprocess
import sys

import pytest
import torch
import torchvision

from fasttricks.cli import main
from fasttricks.pipelines.registry import make_loader
from fasttricks.train.run_eval import report
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
    numbers = json.loads(out.read_text())
    assert (numbers["count"], numbers["size"], numbers["flip"]) == (37, 64, False)
    assert 0 <= numbers["top1"] <= numbers["top5"] <= 1
    assert "inference_images_per_s" not in numbers


def test_numbers_are_those_of_the_plain_way(picture_folder, tmp_path):
    theirs = torchvision.models.resnet18(num_classes=3).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    out = tmp_path / "numbers.json"
    arguments = [
        *("eval", str(tmp_path / "theirs.pth"), "--model", "resnet18b", "--device", "cpu"),
        *("--data", str(picture_folder), "--size", "64", "--json", str(out)),
        *("--pipeline", "torchvision", "--flip", "--batch-size", "16"),
    ]
    assert main(arguments) == 0
    from fasttricks import Augment
    from fasttricks.train.run_eval import TORCH_MEAN, TORCH_STD

    augment = Augment(mean=TORCH_MEAN, std=TORCH_STD)
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
    assert f"class 1 is other there and {names[1]} here" in told(run)[-1]
    run = saved(tmp_path / "few", classes=names[:2])
    assert "2 classes there, 3 here" in told(run)[-1]
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
    first, second = report(facts, "top-1").splitlines()[1:]
    assert first == f"  {shown} images/s, loading included"
    assert second.startswith(f"  {shown} images/s inference alone")


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
