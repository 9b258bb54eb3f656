"""What is measured is what trains: same objects, same batches, all of a step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from fasttricks.bench.train.subject import Subject, kept, made_up
from fasttricks.kernels.mix.targets import Mixed
from fasttricks.train.config import MixConfig, Recipe
from fasttricks.train.distributed import World
from fasttricks.train.prefetch import Batch
from tests.train import tiny

WORLD = World(device=torch.device("cpu"), threads=1)


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def recipe(folder: Path, **changes: object) -> Recipe:
    return tiny.recipe(folder, "not-used", **changes)


def test_a_step_trains_and_averages(picture_folder: Path, stack: contextlib.ExitStack) -> None:
    subject = Subject(recipe(picture_folder, ema=0.5), WORLD, stack, tiny.normed)
    model, ema = subject.training.model, subject.training.ema
    assert ema is not None
    before = [p.clone() for p in model.parameters()]
    averaged = {name: value.clone() for name, value in ema.state_dict()["model"].items()}
    stream = subject.stream(subject.training.loader)
    subject.step(stream.take())
    subject.look()
    stream.close()
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    now = ema.state_dict()["model"]
    assert any(not torch.equal(averaged[name], now[name]) for name in averaged)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all((norm.weight > 0.9).all() for norm in norms)


def test_batches_are_those_of_training_epoch_after_epoch(
    picture_folder: Path, stack: contextlib.ExitStack
) -> None:
    subject = Subject(recipe(picture_folder), WORLD, stack, tiny.plain)
    loader = subject.training.loader
    expected = []
    for epoch in range(2):
        loader.set_epoch(epoch)
        expected += [images.clone() for images, _ in loader]
    stream = subject.stream(loader)
    seen = [batch.images.clone() for _ in range(8) for batch in stream.take()]
    stream.close()
    assert len(expected) == 8  # two epochs of 37 // 8
    assert all(torch.equal(a, b) for a, b in zip(seen, expected, strict=True))


def test_accumulated_parts_belong_to_one_step(
    picture_folder: Path, stack: contextlib.ExitStack
) -> None:
    subject = Subject(recipe(picture_folder, accumulate=2), WORLD, stack, tiny.plain)
    stream = subject.stream(subject.training.loader)
    batches = list(stream.take())
    stream.close()
    assert [len(batch.images) for batch in batches] == [4, 4]


def test_other_pipelines_make_the_same_pictures(
    picture_folder: Path, stack: contextlib.ExitStack
) -> None:
    subject = Subject(recipe(picture_folder), WORLD, stack, tiny.plain)
    other = stack.enter_context(subject.loader("torchvision"))
    assert other.name == "torchvision"
    (ours,) = subject.stream(subject.training.loader).take()
    (theirs,) = subject.stream(other).take()
    assert torch.equal(ours.targets, theirs.targets)  # type: ignore[arg-type]
    assert ours.images.shape == theirs.images.shape


def test_noise_and_copies_are_batches_like_the_real(
    picture_folder: Path, stack: contextlib.ExitStack
) -> None:
    mixed = recipe(picture_folder, mix=MixConfig(kind="mixup", group=8))
    subject = Subject(mixed, WORLD, stack, tiny.plain)
    (batch,) = subject.stream(subject.training.loader).take()
    copy = kept(batch)
    noise = made_up(copy)
    assert isinstance(copy.targets, Mixed)
    for one, other in zip(batch.tensors(), copy.tensors(), strict=True):
        assert torch.equal(one, other)
        assert one.data_ptr() != other.data_ptr()
        assert one.stride() == other.stride()
    assert noise.targets is copy.targets
    assert noise.images.stride() == batch.images.stride()
    assert not torch.equal(noise.images, batch.images)


def test_nothing_is_evaluated_or_left_behind(picture_folder: Path, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        plain = tiny.recipe(picture_folder, tmp_path / "out")
        subject = Subject(plain, WORLD, stack, tiny.plain)
        assert subject.training.eval_loader is None
    assert not (tmp_path / "out").exists()


def test_a_batch_of_plain_targets_is_copied_too() -> None:
    batch = Batch(torch.rand(2, 3, 4, 4), torch.tensor([1, 0]), torch.tensor([5, 6]))
    copy = kept(batch)
    batch.images.zero_()
    assert copy.indices is not None
    assert copy.images.any()
    assert copy.indices.tolist() == [5, 6]
