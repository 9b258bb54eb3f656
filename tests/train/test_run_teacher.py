"""`fasttricks teacher`: logits of a trained model for the training pictures."""

import pytest
import torch
from torchvision.models import resnet18

from fasttricks import make_loader
from fasttricks.cli import main
from fasttricks.data.open import open_data
from fasttricks.kernels.augment import Augment
from fasttricks.train.normalize import CONSTANTS
from fasttricks.tricks.teacher_logits import TeacherLogits


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    net = resnet18(num_classes=3).eval()
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(net.state_dict(), path)
    return net, path


def teacher(weights, data, out, *more):
    given = ["--data", str(data), "--out", str(out), "--model", "resnet18", "--size", "32"]
    return main(["teacher", str(weights), *given, "--pipeline", "torchvision", *more])


def test_logits_are_those_of_the_model_on_unaugmented_pictures(
    weights, picture_folder, tmp_path, capsys
):
    net, path = weights
    out = tmp_path / "logits.npy"
    assert teacher(path, picture_folder, out, "--store", "float32", "--device", "cpu") == 0
    assert f"{out}: logits of resnet18 for 37 pictures" in capsys.readouterr().out
    samples = open_data(picture_folder)
    kept = TeacherLogits.open(out, samples)
    assert (kept.about.model, kept.about.size) == ("resnet18", 32)
    with make_loader(
        "torchvision",
        samples,
        batch_size=37,
        train=False,
        size=32,
        num_threads=1,
        augment=Augment(mean=CONSTANTS["torch"][0], std=CONSTANTS["torch"][1]),
    ) as loader:
        ((images, _),) = loader
    with torch.no_grad():
        torch.testing.assert_close(kept.table, net(images), rtol=1e-4, atol=1e-4)


def test_what_is_wrong_is_one_line(weights, picture_folder, tmp_path, capsys, monkeypatch):
    _, path = weights
    assert teacher(path, picture_folder, tmp_path / "logits.bin") == 2
    assert "--out must end in .npy" in capsys.readouterr().err
    assert teacher(tmp_path / "nothing.pth", picture_folder, tmp_path / "logits.npy") == 2
    assert "nothing" in capsys.readouterr().err
    assert not (tmp_path / "logits.npy").exists()
