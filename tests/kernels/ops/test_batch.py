import numpy as np
import pytest
import torch

from fasttricks.kernels.augment import Augment
from fasttricks.kernels.ops.apply import apply_ops, ops_bytes
from fasttricks.kernels.ops.batch import apply_by_torch, apply_ops_batch
from fasttricks.kernels.plan_ops import plan_ops_batch
from fasttricks.kernels.policy import AutoAugment, RandAugment
from fasttricks.kernels.steps import STEP, STEPS, Op

AUGMENTS = [
    Augment(policy=AutoAugment(), color="reference"),
    Augment(policy=RandAugment(num_ops=4), color="hsv-literal"),
]


def batch(augment, count=40, size=33):
    pixels = np.random.default_rng().integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    params = augment.ops(size=size, train=True)
    ops = plan_ops_batch(0, 0, np.arange(count), np.zeros(count), params)
    return torch.from_numpy(pixels), ops


def one_by_one(pixels, ops):
    made = pixels.numpy().copy()
    scratch = np.empty(ops_bytes(*pixels.shape[1:3]), np.uint8)
    for picture, own in zip(made, ops, strict=True):
        apply_ops(picture, own, scratch)
    return torch.from_numpy(made)


@pytest.mark.parametrize("augment", AUGMENTS)
def test_a_batch_is_its_pictures_one_by_one(augment):
    pixels, ops = batch(augment)
    expected = one_by_one(pixels, ops)
    assert not torch.equal(pixels, expected)
    by_torch = pixels.clone()
    apply_by_torch(by_torch, ops)
    assert torch.equal(by_torch, expected)
    assert apply_ops_batch(pixels, ops) is pixels
    assert torch.equal(pixels, expected)


def test_another_pictures_ops_are_found():
    pixels, ops = batch(AUGMENTS[0])
    wrong = pixels.clone()
    apply_by_torch(wrong, np.roll(ops, 1, axis=0))
    assert not torch.equal(wrong, one_by_one(pixels, ops))


def test_of_a_part_of_a_batch_only_that_is_changed():
    pixels, ops = batch(AUGMENTS[0])
    before, expected = pixels.clone(), one_by_one(pixels, ops)
    apply_ops_batch(pixels[5:9], ops[5:9])
    assert torch.equal(pixels[5:9], expected[5:9])
    assert torch.equal(pixels[:5], before[:5])
    assert torch.equal(pixels[9:], before[9:])


def test_steps_after_an_identity_are_not_done():
    pixels, ops = batch(AUGMENTS[0])
    ops[:, 0] = np.zeros((), STEP)
    before = pixels.clone()
    apply_by_torch(pixels, ops)
    assert torch.equal(pixels, before)


def test_empty_batches_are_fine():
    for shape in [(0, 5, 5, 3), (2, 0, 5, 3)]:
        ops = np.zeros((shape[0], STEPS), STEP)
        ops["op"] = Op.INVERT
        assert apply_ops_batch(torch.zeros(shape, dtype=torch.uint8), ops).shape == shape


@pytest.mark.gpu
def test_is_the_same_on_cuda_and_does_not_wait():
    pixels, ops = batch(AUGMENTS[0])
    there = pixels.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        apply_ops_batch(there, ops)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(there.cpu(), one_by_one(pixels, ops))


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
    pixels, ops = batch(AUGMENTS[0], count=4)
    with pytest.raises(ValueError, match=message):
        apply_ops_batch(*wrong(pixels, ops))
