"""Runs whose loss or weights stop being numbers."""

import math

import pytest
import torch
from torch import nn

from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.checkpoint_file import load
from fasttricks.train.data import train_loader
from fasttricks.train.distributed import World
from fasttricks.train.diverged import DivergedError
from fasttricks.train.step import TrainStep
from fasttricks.train.trainer import train
from tests.train import tiny
from tests.train.test_trainer import lines, state_of


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_batch(picture_folder, tmp_path):
    class Poisoned(nn.Sequential):
        calls = 0

        def forward(self, x):
            Poisoned.calls += self.training and not x.is_meta  # where there are only shapes
            return super().forward(x) * (math.nan if Poisoned.calls == 6 else 1)

    recipe = tiny.recipe(picture_folder, tmp_path, log_every=4)
    with pytest.raises(DivergedError) as caught:
        train(recipe, lambda r, k: Poisoned(tiny.plain(r, k)))
    (line,) = lines(tmp_path, "diverged")
    assert line["step"] == 5  # the sixth, found out at the eighth
    assert f"step 5 (epoch 1), whose batch has the samples {line['samples'][0]}," in str(
        caught.value
    )
    assert "step-00000004.pt" in str(caught.value)
    kept = load(Checkpoints(tmp_path / "diverged").latest())
    assert kept["step"] == 8
    assert kept["state"]["diverged"] == {"step": 5, "samples": line["samples"]}
    # What --resume finds is from before.
    good = load(Checkpoints(tmp_path).latest())
    assert good["step"] == 4
    assert all(value.isfinite().all() for value in good["state"]["model"].values())


def test_the_named_samples_are_those_of_the_step(picture_folder, tmp_path):
    recipe = tiny.recipe(picture_folder, tmp_path, accumulate=2, log_every=4)

    class Poisoned(nn.Sequential):
        calls = 0

        def forward(self, x):
            Poisoned.calls += self.training and not x.is_meta  # where there are only shapes
            return super().forward(x) * (math.inf if Poisoned.calls == 4 else 1)

    with pytest.raises(DivergedError):
        train(recipe, lambda r, k: Poisoned(tiny.plain(r, k)))
    (line,) = lines(tmp_path, "diverged")
    with train_loader(recipe, World(device=torch.device("cpu"), threads=1)) as loader:
        expected = [int(i) for part in (2, 3) for i in loader.indices(0, part)]
    assert (line["step"], line["samples"]) == (1, expected)


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (math.inf, "the weights, or the losses that they give, are not finite after step 3 "),
        (1e37, "the weights, or the losses that they give, are not finite after step 3 "),
    ],
)
def test_weights_that_the_last_step_broke_are_no_success(
    picture_folder, tmp_path, monkeypatch, factor, told
):
    step = TrainStep.__call__

    def broken(self, batches, number, lr):
        step(self, batches, number, lr)
        if number == 3:
            with torch.no_grad():
                for group in self._optimizer.param_groups:
                    for weight in group["params"]:
                        weight.mul_(factor)

    monkeypatch.setattr(TrainStep, "__call__", broken)
    recipe = tiny.recipe(
        picture_folder, tmp_path, save_every=2, schedule={"epochs": 1, "warmup_epochs": 0.0}
    )
    with pytest.raises(DivergedError, match=told) as caught:
        train(recipe, tiny.plain)
    assert f"the last good checkpoint is {tmp_path / 'step-00000002.pt'}" in str(caught.value)
    assert [path.name for path in Checkpoints(tmp_path).candidates()] == ["step-00000002.pt"]
    assert all(value.isfinite().all() for value in state_of(tmp_path)["model"].values())
    assert Checkpoints(tmp_path / "diverged").latest().name == "step-00000004.pt"
