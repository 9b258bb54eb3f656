"""Mixed precision: what is computed in which type, and what happens to infinities."""

import pytest
import torch
from torch import nn

from fasttricks.tricks.mixed_precision import MixedPrecision
from fasttricks.tricks.nesterov import FoldedNesterov, fused_sgd


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_the_net_computes_in_it_and_its_parameters_stay_float32(precision):
    policy = MixedPrecision(precision, "cpu")
    net = nn.Linear(3, 2)
    with policy.autocast():
        out = net(torch.randn(4, 3))
    assert out.dtype == policy.dtype == getattr(torch, precision)
    out.float().sum().backward()
    assert net.weight.dtype == net.weight.grad.dtype == torch.float32
    with policy.autocast(), policy.autocast():  # each is a context of its own
        pass


def test_only_float16_scales_its_loss():
    assert MixedPrecision("float16", "cpu").scaler().is_enabled()
    assert not MixedPrecision("bfloat16", "cpu").scaler().is_enabled()
    assert not MixedPrecision("float32", "cpu").scaler().is_enabled()


@pytest.mark.parametrize("optimiser", [fused_sgd, FoldedNesterov])
def test_an_infinite_gradient_skips_the_step_and_halves_the_scale(optimiser):
    torch.manual_seed(0)
    net, policy = nn.Linear(3, 2), MixedPrecision("float16", "cpu")
    optimizer, scaler = optimiser(net.parameters(), 0.1, momentum=0.9), policy.scaler()
    assert scaler.get_scale() == 2.0**16
    for infinite in (False, True, False):
        before = [p.detach().clone() for p in net.parameters()]
        scale = scaler.get_scale()
        optimizer.zero_grad()
        with policy.autocast():
            loss = net(torch.randn(4, 3)).float().square().mean()
        scaler.scale(loss).backward()
        if infinite:
            net.weight.grad[0, 0] = float("inf")
        scaler.step(optimizer)
        scaler.update()
        same = [torch.equal(old, p) for old, p in zip(before, net.parameters(), strict=True)]
        assert all(same) == infinite
        assert scaler.get_scale() == (scale / 2 if infinite else scale)


def test_the_scale_doubles_after_2000_clean_steps():
    scaler = MixedPrecision("float16", "cpu").scaler()
    assert scaler.get_growth_interval() == 2000
    assert scaler.get_growth_factor() == 2.0
    assert scaler.get_backoff_factor() == 0.5


def test_tiny_updates_survive_in_the_master_copy():
    policy = MixedPrecision("float16", "cpu")
    weight = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=1e-5)
    for _ in range(100):
        optimizer.zero_grad()
        with policy.autocast():
            loss = (weight * torch.ones(1)).sum()
        loss.backward()
        optimizer.step()
    assert weight.item() == pytest.approx(1 - 1e-3, rel=1e-5)
    half = torch.ones(1, dtype=torch.float16)
    for _ in range(100):
        half -= 1e-5
    assert half.item() == 1  # what it would have been without the master copy


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="float32, bfloat16, float16; got 'fp8'"):
        MixedPrecision("fp8")
