"""Training where `pretend_cuda` has put a GPU: no step waits for it, no stream reads too early."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fasttricks.kernels import finish_torch
from fasttricks.models.dropblock import DropBlock2d
from fasttricks.train import training
from fasttricks.train.checkpoint import Checkpoints
from fasttricks.train.config import AugmentConfig, LossConfig, MixConfig
from fasttricks.train.loss import Loss
from fasttricks.train.prefetch import Prefetcher
from fasttricks.train.step import TrainStep
from fasttricks.train.trainer import train
from tests.device_order import Race, Waited
from tests.pretend_cuda import pretend_cuda
from tests.train import tiny
from tests.train.test_weights import saved


class Dropping(nn.Module):
    """With BatchNorm and DropBlock."""

    config = SimpleNamespace(dropblock=SimpleNamespace(keep=0.5))

    def __init__(self, recipe, classes):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), DropBlock2d(1.0, 3),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, classes),
        )  # fmt: skip

    def forward(self, images):
        return self.body(images)


def finish(pixels, matrix, flip, out, words=None, noise=True):
    """In place of the Triton kernel, which needs of its arguments what is looked at here."""
    assert all(one.is_cuda for one in (pixels, matrix, flip, out))
    assert out.is_contiguous()
    assert pixels.stride()[2:] == (3, 1)
    finish_torch.finish(pixels, matrix, flip, out, words, noise)


@pytest.fixture
def gpu(monkeypatch):
    """The order of a pretended GPU; waiting for it in a step of the trainer is an error."""
    finish_triton = pytest.importorskip("fasttricks.kernels.finish_triton")
    monkeypatch.setattr(finish_triton, "finish", finish)
    with pretend_cuda() as order:

        class Watched(TrainStep):
            def __call__(self, *args, **kwargs):
                with order.nobody_waits():
                    super().__call__(*args, **kwargs)

        monkeypatch.setattr(training, "TrainStep", Watched)
        yield order


def recipe(pictures, out, device="cuda", **changes):
    """The tiny one through the roi pipeline, whose batches cross two streams on their way."""
    base = tiny.recipe(pictures, out, schedule={"epochs": 2}, **changes)
    data = replace(base.data, pipeline="roi")
    return replace(base, device=device, data=data, log_every=50)  # looking waits for everything


MIXUP = MixConfig(kind="mixup", group=8)
RUNS = {
    "float32, smoothed": {"loss": LossConfig(smoothing=0.1), "ema": 0.9},
    "bfloat16, mixed, folded": {"precision": "bfloat16", "mix": MIXUP, "optim": {"fold_lr": True}},
    "float16, in two parts": {"precision": "float16", "accumulate": 2},
    "float16, AdaBound": {"precision": "float16", "optim": {"kind": "adabound"}},
    "graph of float16, growing, mixed": {
        "precision": "float16",
        "cuda_graph": True,
        "data": {"progressive": (32, 64)},
        "mix": MIXUP,
        "ema": 0.9,
    },
}


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_no_step_waits_for_the_device(gpu, changes, picture_folder, tmp_path):
    outcome = train(recipe(picture_folder, tmp_path, **changes), Dropping)
    assert (outcome.ended, outcome.steps) == ("complete", 8)


@pytest.mark.parametrize("graph", [False, True])
def test_a_teacher_of_other_pixels_is_asked_at_no_wait(gpu, graph, picture_folder, tmp_path):
    saved(tmp_path / "teacher", classes=[f"class_{n}" for n in range(3)])
    changes = {
        "loss": LossConfig(teacher=str(tmp_path / "teacher")),
        "augment": AugmentConfig(color="none", normalize="mean-only"),
        "cuda_graph": graph,
    }
    outcome = train(recipe(picture_folder, tmp_path / "run", **changes), Dropping)
    assert (outcome.ended, outcome.steps) == ("complete", 8)


def learned(folder):
    return Checkpoints(folder).load_latest()["state"]["model"]


def smooth(recipe, classes):
    """No ReLU, through which a last bit may switch a unit off."""
    net = tiny.plain(recipe, classes)
    net[1] = nn.GELU()
    return net


def test_it_learns_there_what_it_learns_here(picture_folder, tmp_path, request):
    """Finished by torch and by numba, pictures differ in their last bits."""
    train(recipe(picture_folder, tmp_path / "here", device="cpu"), smooth)
    request.getfixturevalue("gpu")
    for name, graph in (("there", False), ("replayed", True)):
        train(recipe(picture_folder, tmp_path / name, cuda_graph=graph), smooth)
        for key, value in learned(tmp_path / "here").items():
            torch.testing.assert_close(learned(tmp_path / name)[key], value, rtol=1e-4, atol=1e-5)


WRONG_LOSSES = {
    "item": (Waited, lambda loss, batch: loss * loss.item()),
    "a number made there": (Waited, lambda loss, batch: loss * torch.tensor(2.0, device="cuda")),
    "a mask": (Waited, lambda loss, batch: loss + batch.images[batch.targets > 0].mean()),
    "left on the host": (RuntimeError, lambda loss, batch: loss + torch.arange(8)[batch.targets]),
}


@pytest.mark.parametrize(("error", "wrong"), WRONG_LOSSES.values(), ids=WRONG_LOSSES)
@pytest.mark.parametrize("graph", [False, True])
def test_a_wrong_step_is_found(gpu, error, wrong, graph, picture_folder, tmp_path, monkeypatch):
    right = Loss.__call__

    def made_wrong(self, logits, batch):
        losses = right(self, logits, batch)
        return losses._replace(whole=wrong(losses.whole, batch))

    monkeypatch.setattr(Loss, "__call__", made_wrong)
    with pytest.raises(error):
        train(recipe(picture_folder, tmp_path, cuda_graph=graph), tiny.plain)


def test_a_batch_that_is_not_waited_for_is_found(gpu, picture_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu.default, "wait_event", lambda event: None)
    with pytest.raises(Race, match="reads what another stream still writes"):
        train(recipe(picture_folder, tmp_path), tiny.plain)


def test_a_batch_that_is_let_go_too_early_is_found(gpu, picture_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Prefetcher, "_let_go", lambda self, done: None)
    with pytest.raises(Race, match="memory that another stream still uses"):
        train(recipe(picture_folder, tmp_path), tiny.plain)
