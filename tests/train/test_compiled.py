"""Training a compiled network: what it learns, keeps and compiles. Only inductor is left out."""

import functools
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from fasttricks.models.dropblock import DropBlock2d
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.trainer import train
from tests.train import tiny


class Dropping(nn.Module):
    """With BatchNorm, and with a DropBlock that drops more in every step."""

    config = SimpleNamespace(dropblock=SimpleNamespace(keep=0.5))

    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), DropBlock2d(1.0, 3),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, classes),
        )  # fmt: skip

    def forward(self, images):
        return self.body(images)


@pytest.fixture
def compiler(monkeypatch):
    """Counts what is compiled, and compiles it as inductor is given it, but to eager calls."""
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=counter))
    yield counter
    torch._dynamo.reset()


def weights(folder):
    return Checkpoints(folder).load_latest()["state"]


def test_it_learns_what_the_plain_network_does(compiler, picture_folder, tmp_path):
    changes = {"ema": 0.5, "data": {"progressive": (32, 64)}}
    for name, compiled in (("eager", False), ("compiled", True)):
        recipe = tiny.recipe(picture_folder, tmp_path / name, compile=compiled, **changes)
        train(recipe, lambda recipe, classes: Dropping(classes))
    eager, compiled = weights(tmp_path / "eager"), weights(tmp_path / "compiled")
    assert compiler.frame_count == 2  # one for each size, none for evaluation or DropBlock's share
    for part in (lambda state: state["model"], lambda state: state["ema"]["model"]):
        one, other = part(eager), part(compiled)
        assert one.keys() == other.keys()  # no name says that it was compiled
        for name in one:
            torch.testing.assert_close(other[name], one[name], rtol=1e-4, atol=1e-5)


def test_it_goes_on_compiled_and_plain(compiler, picture_folder, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(tiny.recipe(picture_folder, whole, compile=True), tiny.normed)
    train(tiny.recipe(picture_folder, broken, compile=True, max_steps=6), tiny.normed)
    train(tiny.recipe(picture_folder, broken, compile=True, resume="auto"), tiny.normed)
    one, other = weights(whole)["model"], weights(broken)["model"]
    assert all(torch.equal(one[name], other[name]) for name in one)
