from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fasttricks.bench.kernels import stage
from fasttricks.bench.kernels.case import Case, Scale, check
from fasttricks.bench.kernels.measure import Runner, copies_for
from fasttricks.errors import FasttricksError
from fasttricks.kernels.ops import reference as ops_reference
from fasttricks.kernels.steps import STEP, STEPS, Op

CPU = Scale(device=torch.device("cpu"), batch_size=6, size=25)
CUDA = Scale(device=torch.device("cuda", 0), batch_size=6, size=25)


def case(name: str = "color reference") -> Case:
    return stage.case(CPU, name)


def test_bytes_are_those_of_pictures_that_are_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = stage.plan_ops_batch

    def two_untouched(*given: Any) -> Any:
        stages = real(*given)
        stages[1:3] = 0
        return stages

    batch = case().make(0)
    assert case().nbytes == 2 * batch.pixels.nbytes
    monkeypatch.setattr(stage, "plan_ops_batch", two_untouched)
    assert case().nbytes == 2 * batch.pixels.nbytes * 4 // 6


def test_copies_are_like_each_other_and_put_back_after_calls() -> None:
    one, other = case().make(0), case().make(1)
    assert torch.equal(one.pixels, other.pixels)
    assert one.pixels.data_ptr() != other.pixels.data_ptr()
    made: list[Any] = []
    way = case().ways[0]
    runner = Runner(
        way, copies_for(way, lambda seed: made.append(case().make(seed)) or made[-1], 2)
    )
    runner(1)
    assert not torch.equal(made[0].pixels, made[0].before)
    runner.restore()
    assert torch.equal(made[0].pixels, made[0].before)


@pytest.mark.parametrize("name", stage.KINDS)
def test_a_wrong_kernel_is_not_timed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets_a_step(pixels: torch.Tensor, stages: Any) -> torch.Tensor:
        wrong = stages.copy()
        last = np.count_nonzero(wrong["op"], axis=1) - 1
        wrong[np.arange(len(wrong)), np.maximum(last, 0)] = 0
        return right(pixels, wrong)

    right = stage.apply_ops_batch
    check(case(name))
    monkeypatch.setattr(stage, "apply_ops_batch", forgets_a_step)
    with pytest.raises(FasttricksError, match="fasttricks failed: it is"):
        check(case(name))


def test_a_step_that_is_wrong_everywhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def off_by_two(op: Op, picture: Any, numbers: Any) -> Any:
        return np.clip(right(op, picture, numbers).astype(int) + 2, 0, 255).astype(np.uint8)

    right = ops_reference.apply
    monkeypatch.setattr(stage.ops_reference, "apply", off_by_two)
    with pytest.raises(FasttricksError, match="off the reference"):
        check(case())


def test_the_reference_goes_on_from_what_the_kernel_made_where_both_may_be() -> None:
    """1.9 as float32 is less, so ten times it is 18 or 19; Posterize would make much of it."""
    picture = np.full((3, 3, 3), 10, np.uint8)
    steps = np.zeros(STEPS, STEP)
    steps[0] = (Op.BRIGHTNESS, np.float32(1.9), 0, 0)
    assert stage.alone(picture, steps[0]).max() == 19
    assert ops_reference.apply(Op.BRIGHTNESS, picture, (float(np.float32(1.9)), 0, 0)).max() == 18
    assert (stage.follow(picture, steps) == 19).all()


def test_ways_by_device() -> None:
    assert [way.name for way in case().ways] == ["fasttricks", "torchvision v2", "torchvision PIL"]
    names = [way.name for way in stage.torchvision(CUDA, stage.KINDS["randaugment"])]
    assert names == ["torchvision v2", "torchvision v2, batch"]
    assert all(way.differs for way in case().ways[1:])


@pytest.mark.parametrize("name", stage.KINDS)
def test_torchvision_takes_pictures_of_both_kinds(name: str) -> None:
    _, tensors, images = case(name).ways
    batch = case(name).make(0)
    for way, size in ((tensors, (3, 25, 25)), (images, (25, 25))):
        made = way.call(way.prepare(batch))
        assert len(made) == 6
        sizes = {tuple(one.shape) if torch.is_tensor(one) else one.size for one in made}
        assert sizes == {size}


def test_pictures_are_neither_flat_nor_noise() -> None:
    pictures = stage.make_pictures(CPU).float()
    assert pictures.std() > 30
    beside = (pictures[:, :, 1:] - pictures[:, :, :-1]).std()
    assert 4 < beside < pictures.std()
