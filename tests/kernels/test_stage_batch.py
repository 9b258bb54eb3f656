import numpy as np
import pytest
import torch

from fasttricks.kernels.augment import Augment
from fasttricks.kernels.plan_stage import plan_stage_batch
from fasttricks.kernels.policy import AutoAugment, RandAugment
from fasttricks.kernels.stage import apply_stage, stage_bytes
from fasttricks.kernels.stage_batch import apply_by_torch, apply_stage_batch
from fasttricks.kernels.steps import STEP, STEPS, Op

AUGMENTS = [
    Augment(policy=AutoAugment(), color="reference"),
    Augment(policy=RandAugment(num_ops=4), color="hsv-literal"),
]


def batch(augment, count=40, size=33):
    pixels = np.random.default_rng().integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    params = augment.stage(size=size, train=True)
    stages = plan_stage_batch(0, 0, np.arange(count), np.zeros(count), params)
    return torch.from_numpy(pixels), stages


def one_by_one(pixels, stages):
    made = pixels.numpy().copy()
    scratch = np.empty(stage_bytes(*pixels.shape[1:3]), np.uint8)
    for picture, stage in zip(made, stages, strict=True):
        apply_stage(picture, stage, scratch)
    return torch.from_numpy(made)


@pytest.mark.parametrize("augment", AUGMENTS)
def test_a_batch_is_its_pictures_one_by_one(augment):
    pixels, stages = batch(augment)
    expected = one_by_one(pixels, stages)
    assert not torch.equal(pixels, expected)
    by_torch = pixels.clone()
    apply_by_torch(by_torch, stages)
    assert torch.equal(by_torch, expected)
    assert apply_stage_batch(pixels, stages) is pixels
    assert torch.equal(pixels, expected)


def test_another_pictures_stage_is_found():
    pixels, stages = batch(AUGMENTS[0])
    wrong = pixels.clone()
    apply_by_torch(wrong, np.roll(stages, 1, axis=0))
    assert not torch.equal(wrong, one_by_one(pixels, stages))


def test_only_the_range_is_changed():
    pixels, stages = batch(AUGMENTS[0])
    before, expected = pixels.clone(), one_by_one(pixels, stages)
    apply_stage_batch(pixels, stages, 5, 9)
    assert torch.equal(pixels[5:9], expected[5:9])
    assert torch.equal(pixels[:5], before[:5])
    assert torch.equal(pixels[9:], before[9:])
    apply_stage_batch(pixels, stages, 7, 7)
    assert torch.equal(pixels[9:], before[9:])


def test_steps_after_an_identity_are_not_done():
    pixels, stages = batch(AUGMENTS[0])
    stages[:, 0] = np.zeros((), STEP)
    before = pixels.clone()
    apply_by_torch(pixels, stages)
    assert torch.equal(pixels, before)


def test_empty_batches_are_fine():
    for shape in [(0, 5, 5, 3), (2, 0, 5, 3)]:
        stages = np.zeros((shape[0], STEPS), STEP)
        stages["op"] = Op.INVERT
        assert apply_stage_batch(torch.zeros(shape, dtype=torch.uint8), stages).shape == shape


@pytest.mark.gpu
def test_is_the_same_on_cuda_and_does_not_wait():
    pixels, stages = batch(AUGMENTS[0])
    there = pixels.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        apply_stage_batch(there, stages)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(there.cpu(), one_by_one(pixels, stages))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda p, s: (p.float(), s), "uint8"),
        (lambda p, s: (p[..., :2], s), r"\[B, H, W, 3\]"),
        (lambda p, s: (p.transpose(1, 2), s), "contiguous"),
        (lambda p, s: (p, s[:-1]), r"STEP \[4, STEPS\]"),
        (lambda p, s: (p, s[0]), r"STEP \[4, STEPS\]"),
        (lambda p, s: (p, s["op"]), "STEP"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    pixels, stages = batch(AUGMENTS[0], count=4)
    with pytest.raises(ValueError, match=message):
        apply_stage_batch(*wrong(pixels, stages))
