"""A run that begins with trained weights: what fits is taken, what does not is named."""

from dataclasses import replace

import pytest
import torch
import torchvision
from torch import nn

from fasttricks.errors import DataError
from fasttricks.models import create_model
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.checkpoint_file import load
from fasttricks.train.initial import begin_with
from fasttricks.train.resume import ResumeError
from fasttricks.train.trainer import train
from tests.train import tiny
from tests.train.test_weights import NAME, saved


def state_of(folder):
    return load(Checkpoints(folder).latest())["state"]


def test_all_but_the_head_of_other_classes_is_taken(tmp_path):
    theirs, ours = create_model(NAME, num_classes=3), create_model(NAME, num_classes=7)
    head = {name: x.clone() for name, x in ours.state_dict().items() if "classifier" in name}
    told = begin_with(ours, str(saved(tmp_path, model=theirs)), NAME)
    assert told.endswith("; fresh: classifier.weight, classifier.bias")
    for name, x in ours.state_dict().items():
        assert torch.equal(x, head[name] if name in head else theirs.state_dict()[name]), name


def test_averaged_weights_are_taken_where_there_are_some(tmp_path):
    model, average = create_model(NAME, num_classes=3), create_model(NAME, num_classes=3)
    path = saved(tmp_path, model=model, ema={"model": average.state_dict(), "updates": 5})
    ours = create_model(NAME, num_classes=3)
    assert "fresh" not in begin_with(ours, str(path), NAME)
    assert torch.equal(ours.classifier.weight, average.classifier.weight)


def test_weights_of_torchvision_go_into_a_network_with_more_than_theirs(tmp_path):
    theirs = torchvision.models.resnet18(num_classes=9).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = create_model("resnet18b", num_classes=4, attention="se")
    told = begin_with(ours, str(tmp_path / "theirs.pth"), "resnet18b")
    assert "fresh: " in told
    assert torch.equal(ours.stem.conv1.weight, theirs.conv1.weight)
    with pytest.raises(ValueError, match="resnet50b"):
        begin_with(ours, str(tmp_path / "theirs.pth"), "resnet50b")


def test_a_network_of_ones_own(tmp_path):
    theirs, ours = tiny.normed(None, 5), tiny.normed(None, 3)
    torch.save(theirs.state_dict(), tmp_path / "own.pt")
    told = begin_with(ours, str(tmp_path / "own.pt"), "own")
    assert told.endswith("fresh: 6.weight, 6.bias")
    assert torch.equal(ours[0].weight, theirs[0].weight)


def test_what_the_network_has_no_place_for_is_named(tmp_path):
    more = nn.Sequential(*tiny.plain(None, 3), nn.Linear(3, 3))
    torch.save(more.state_dict(), tmp_path / "more.pt")
    told = begin_with(tiny.plain(None, 3), str(tmp_path / "more.pt"), "own")
    assert told.endswith("there, but not here: 5.weight, 5.bias")


def test_where_only_vectors_fit_nothing_is_taken(tmp_path):
    """Biases of as many classes are no sign of the same network."""
    wide = nn.Sequential(nn.Conv2d(3, 9, 5), nn.Flatten(), nn.Linear(9, 3))
    torch.save(wide.state_dict(), tmp_path / "wide.pt")
    ours = nn.Sequential(nn.Conv2d(3, 8, 5), nn.Flatten(), nn.Linear(8, 3))
    before = ours[2].bias.clone()
    with pytest.raises(DataError, match="nothing that fits a layer of own as it is here"):
        begin_with(ours, str(tmp_path / "wide.pt"), "own")
    assert torch.equal(ours[2].bias, before)
    with pytest.raises(DataError, match="nothing at"):
        begin_with(ours, str(tmp_path / "none.pt"), "own")


def test_a_run_begins_there_and_does_not_look_again(picture_folder, tmp_path, capsys):
    first = tmp_path / "first.pt"
    torch.manual_seed(5)
    begin = tiny.normed(None, 3)
    torch.save(begin.state_dict(), first)
    changes = {"init": str(first), "ema": 0.9, "optim": {"lr": 1e-9}}
    recipe = tiny.recipe(picture_folder, tmp_path / "run", **changes)
    train(replace(recipe, max_steps=1), tiny.normed)
    assert f"tensors begin as in {first}" in capsys.readouterr().out
    state = state_of(tmp_path / "run")
    for weights in (state["model"], state["ema"]["model"]):
        # One step at a rate of 1e-9 moves a weight of this size by less than a float32 ulp or so.
        torch.testing.assert_close(weights["0.weight"], begin[0].weight.data, atol=1e-7, rtol=0)

    first.unlink()
    on = replace(recipe, resume="auto")
    train(replace(on, max_steps=2), tiny.normed)
    assert "begin as in" not in capsys.readouterr().out
    with pytest.raises(ResumeError, match=r"init: .*first\.pt, now None; that"):
        train(replace(on, init=None), tiny.normed)


def head_only(recipe, classes):
    """As docs/training.md freezes a network."""
    model = tiny.normed(recipe, classes).requires_grad_(False)
    model[-1].requires_grad_(True)
    model[1].eval()
    return model


def test_frozen_layers_and_norms_in_evaluation_mode_stay(picture_folder, tmp_path):
    begin = tiny.normed(None, 3).state_dict()
    torch.save(begin, tmp_path / "first.pt")
    train(tiny.recipe(picture_folder, tmp_path / "run", init=str(tmp_path / "first.pt")), head_only)
    ended = state_of(tmp_path / "run")["model"]
    changed = [name for name in begin if not torch.equal(begin[name], ended[name])]
    assert changed == ["6.weight", "6.bias"]


def test_a_run_stopped_after_trained_weights_ends_like_the_unbroken_one(picture_folder, tmp_path):
    torch.save(tiny.normed(None, 3).state_dict(), tmp_path / "first.pt")
    changes = {"init": str(tmp_path / "first.pt"), "ema": 0.5}
    whole = tiny.recipe(picture_folder, tmp_path / "whole", **changes)
    train(whole, tiny.normed)
    parts = replace(whole, out=str(tmp_path / "parts"), resume="auto")
    train(replace(parts, max_steps=5), tiny.normed)
    train(parts, tiny.normed)
    one, other = state_of(tmp_path / "whole"), state_of(tmp_path / "parts")
    for key in ("model", "ema"):
        a, b = (x[key] if key == "model" else x[key]["model"] for x in (one, other))
        assert all(torch.equal(a[name], b[name]) for name in a)
