"""One update, against the same written out; and what is kept until somebody looks."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from fasttricks.kernels.augment import Augment
from fasttricks.train.build import build_optimizer
from fasttricks.train.config import LossConfig, OptimConfig
from fasttricks.train.distributed import World
from fasttricks.train.loss import Loss
from fasttricks.train.prefetch import Batch
from fasttricks.train.step import NEVER, LossMeter, TrainStep
from fasttricks.tricks.mixed_precision import MixedPrecision
from tests.train import tiny

CPU = torch.device("cpu")
ALONE = World(device=CPU, threads=1)


def batch(seed, size=8):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size, 3, 32, 32, generator=generator)
    return Batch(images, torch.randint(0, 3, (size,), generator=generator))


def made(net, precision="float32", accumulate=1):
    criterion = Loss(LossConfig(smoothing=0.1), None, Augment(), 3, CPU)
    optimizer = build_optimizer(net, OptimConfig(), 0.1)
    policy = MixedPrecision(precision, "cpu")
    return TrainStep(net, criterion, optimizer, policy, CPU, accumulate=accumulate)


def test_updates_are_those_of_plain_torch():
    torch.manual_seed(0)
    net = tiny.plain(None, 3)
    plain = copy.deepcopy(net)
    step = made(net)
    sgd = torch.optim.SGD(plain.parameters(), 1.0, 0.9, weight_decay=1e-4, nesterov=True)
    for number, lr in enumerate((0.1, 0.05, 0.2)):
        step([batch(number)], number, lr)
        sgd.param_groups[0]["lr"] = lr
        sgd.zero_grad()
        images, labels, _ = batch(number)
        F.cross_entropy(plain(images), labels, label_smoothing=0.1).backward()
        sgd.step()
    for ours, theirs in zip(net.parameters(), plain.parameters(), strict=True):
        # Fused and plain SGD round in another order: a few float32 ulps of weights below 1.
        assert torch.allclose(ours, theirs, atol=1e-6, rtol=0)
        assert ours.grad is None


def test_accumulated_parts_are_one_batch():
    torch.manual_seed(0)
    whole = tiny.plain(None, 3)
    parts = copy.deepcopy(whole)
    images, labels, _ = batch(0)
    made(whole)([batch(0)], 0, 0.1)
    halves = [Batch(images[:4], labels[:4]), Batch(images[4:], labels[4:])]
    made(parts, accumulate=2)(halves, 0, 0.1)
    last = copy.deepcopy(whole)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6, rtol=0)
    made(last)([halves[1]], 0, 0.1)  # not the last part alone
    assert not torch.allclose(last[0].weight, parts[0].weight, atol=1e-6, rtol=0)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_weights_stay_float32_in_half_precision(precision):
    torch.manual_seed(0)
    net = tiny.plain(None, 3)
    before = copy.deepcopy(net)
    step = made(net, precision)
    assert step.scaler.is_enabled() == (precision == "float16")
    step([batch(0)], 0, 0.1)
    for new, old in zip(net.parameters(), before.parameters(), strict=True):
        assert new.dtype == torch.float32
        assert not torch.equal(new, old)


def test_an_overflow_skips_the_update_and_halves_the_scale():
    torch.manual_seed(0)
    net = tiny.plain(None, 3)
    step = made(net, "float16")
    before = copy.deepcopy(net)
    images, labels, _ = batch(0)
    images[0, 0, 0, 0] = math.inf
    step([Batch(images, labels)], 0, 0.1)
    for new, old in zip(net.parameters(), before.parameters(), strict=True):
        assert torch.equal(new, old)
    assert step.scaler.get_scale() == 2**15


def test_a_meter_has_the_mean_since_it_was_read():
    losses = LossMeter(CPU)
    for number, loss in enumerate((1.0, 2.0, 6.0)):
        losses.add(torch.tensor([loss, number]), number)
    assert losses.read(ALONE) == (3.0, 1.0, False)
    losses.add(torch.tensor([5.0, 4.0]), 3)
    assert losses.read(ALONE) == (5.0, 4.0, False)
    assert losses.read(ALONE) == (0.0, 0.0, False)
    assert losses.first_bad() == NEVER


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_meter_knows_the_first_loss_that_was_not_finite(bad):
    losses = LossMeter(CPU)
    for number, loss in enumerate((1.0, bad, 1.0, math.nan)):
        losses.add(torch.tensor([loss, 1.0]), number)
    assert losses.read(ALONE)[2]
    assert losses.first_bad() == 1
