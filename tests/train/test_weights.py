"""Weights of ours and of others are found, and strange files are refused by name."""

import pytest
import torch
import torchvision

from fasttricks.models import create_model
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.checkpoint_file import CheckpointError, DamagedError
from fasttricks.train.config import AugmentConfig, DataConfig, ModelConfig, Recipe
from fasttricks.train.weights import load_trained, read_weights, state_dict_of

NAME = "mobilenet_v1_025"


def saved(folder, *, classes=("a", "b", "c"), ema=None, model=None, step=1, top1=0.5):
    """A checkpoint as `fasttricks train` leaves it, as far as weights are concerned."""
    model = model or create_model(NAME, num_classes=len(classes))
    recipe = Recipe(
        model=ModelConfig(name=NAME),
        data=DataConfig(eval_size=64),
        augment=AugmentConfig(crop_ratio=1.0),
    ).as_dict()
    state = {
        "recipe": recipe,
        "num_classes": len(classes),
        "classes": list(classes),
        "model": model.state_dict(),
        "ema": ema,
    }
    checkpoints = Checkpoints(folder)
    path = checkpoints.save(state, step=step, epoch=0)
    checkpoints.evaluated(step, {"top1": top1})
    return path


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


def test_of_a_runs_folder_the_best_is_taken(tmp_path):
    good, late = (create_model(NAME, num_classes=3) for _ in range(2))
    saved(tmp_path, model=good, step=1, top1=0.9)
    newest = saved(tmp_path, model=late, step=2, top1=0.5)
    assert same(load_trained(tmp_path).model.state_dict(), good.state_dict())
    assert same(load_trained(newest).model.state_dict(), late.state_dict())


def test_a_checkpoint_of_ours(tmp_path):
    model = create_model(NAME, num_classes=3)
    found = load_trained(saved(tmp_path, model=model))
    assert same(found.model.state_dict(), model.state_dict())
    assert (found.name, found.classes, found.averaged) == (NAME, ["a", "b", "c"], False)
    assert found.recipe["data"]["eval_size"] == 64
    with pytest.raises(ValueError, match=f"is of {NAME}, not of resnet50"):
        load_trained(saved(tmp_path), "resnet50")


def test_averaged_weights_are_taken_unless_told_not_to(tmp_path):
    model, average = create_model(NAME, num_classes=3), create_model(NAME, num_classes=3)
    path = saved(tmp_path, model=model, ema={"model": average.state_dict(), "updates": 5})
    found, plain = load_trained(path), load_trained(path, average=False)
    assert found.averaged
    assert same(found.model.state_dict(), average.state_dict())
    assert not plain.averaged
    assert same(plain.model.state_dict(), model.state_dict())


def test_average_that_holds_parameters_only(tmp_path):
    """Buffers of an average are the model's own."""
    model, average = create_model(NAME, num_classes=3), create_model(NAME, num_classes=3)
    model.get_buffer(next(n for n, _ in model.named_buffers())).fill_(3)
    only = dict(average.named_parameters())
    found = load_trained(saved(tmp_path, model=model, ema={"model": only, "updates": 5})).model
    assert same(dict(found.named_parameters()), only)
    assert same(dict(found.named_buffers()), dict(model.named_buffers()))


@pytest.mark.parametrize(
    "around",
    [
        lambda weights: weights,
        lambda weights: {"model": weights, "epoch": 3},
        lambda weights: {"state_dict": {f"module.{k}": v for k, v in weights.items()}},
        lambda weights: {"state_dict": {"fc.weight": torch.zeros(1)}, "state_dict_ema": weights},
    ],
    ids=["bare", "torchvision", "wrapped", "timm-ema"],
)
def test_weights_of_others(tmp_path, around):
    theirs = torchvision.models.resnet18(num_classes=7).eval()
    torch.save(around(theirs.state_dict()), tmp_path / "theirs.pth")
    ours = load_trained(tmp_path / "theirs.pth", "resnet18b").model.eval()
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_timms_squeeze_and_excitation_with_its_biases(tmp_path):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    theirs = timm.create_model("seresnet50", pretrained=False, num_classes=4).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = load_trained(tmp_path / "theirs.pth", "se_resnet50").model.eval()
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-3, atol=1e-3)


def test_changed_bytes_of_a_weight_are_seen(tmp_path):
    path = saved(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="has another checksum"):
        load_trained(path)


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    theirs = torchvision.models.resnet18(num_classes=4)
    safetensors.save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    found = load_trained(tmp_path / "theirs.safetensors", "resnet18b")
    assert found.model.classifier.out_features == 4


def test_mistakes(tmp_path):
    weights = tmp_path / "weights.pth"
    torch.save(torchvision.models.resnet18().state_dict(), weights)
    with pytest.raises(ValueError, match="say which model"):
        load_trained(weights)
    with pytest.raises(ValueError, match="resnet50b"):
        load_trained(weights, "resnet50b")
    with pytest.raises(CheckpointError, match="no file"):
        read_weights(tmp_path / "nowhere.pth")
    (tmp_path / "text.pth").write_text("no archive")
    with pytest.raises(CheckpointError, match="only tensors and plain values") as told:
        read_weights(tmp_path / "text.pth")
    assert "weights_only" not in str(told.value)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds a list"):
        read_weights(tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds no weights; it has: epoch"):
        state_dict_of({"epoch": 3}, "some.pth")
