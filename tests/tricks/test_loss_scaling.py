"""Every optimiser that a recipe can name, under a GradScaler: steps with an overflow are skipped.

Nobody may wait for the device to learn of one: reading a number from it is made an error here.
"""

import copy
import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fasttricks.train.build import build_optimizer
from fasttricks.train.config import OptimConfig
from fasttricks.tricks.adabound import AdaBound

CONFIGS = {
    "nesterov": OptimConfig(),
    "folded": OptimConfig(fold_lr=True),
    "sgd": OptimConfig(kind="sgd"),
    "adabound": OptimConfig(kind="adabound", weight_decay=0.01),
}
GOOD, BAD = 1.0, (math.inf, math.nan)


class NobodyReads(TorchDispatchMode):
    """A tensor's value cannot become a number of Python's: on a GPU that waits for it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default, "somebody reads a value"
        return func(*args, **(kwargs or {}))


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.BatchNorm1d(4))


def train(net, optimizer, steps, scaler=None):
    """Gradients that depend on a step's number; each step is (number, factor of its gradients)."""
    scaler = scaler or torch.amp.GradScaler("cpu", init_scale=2.0**10)
    scaler.scale(torch.ones(()))  # makes the scale
    for number, factor in steps:
        generator = torch.Generator().manual_seed(number)
        for p in net.parameters():
            p.grad = torch.randn(p.shape, generator=generator) * scaler.get_scale()
        net[0].weight.grad[1, 2] *= factor  # one number is enough
        with NobodyReads():
            scaler.step(optimizer)
            scaler.update()
    return scaler


def made(name, net):
    return build_optimizer(net, CONFIGS[name], 0.1)


def same(net, optimizer, other_net, other_optimizer):
    pairs = list(zip(net.parameters(), other_net.parameters(), strict=True))
    assert all(torch.equal(one, other) for one, other in pairs)
    for one, other in pairs:
        state, expected = optimizer.state[one], other_optimizer.state[other]
        assert state.keys() == expected.keys()
        for name, value in state.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(expected[name])), name


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("bad", BAD)
def test_skipped_steps_leave_nothing(name, bad):
    """The first step is skipped, too, before which torch's fused SGD alone has no state."""
    steps = [(0, bad), (1, GOOD), (2, GOOD), (3, bad), (4, GOOD), (5, bad)]
    net, clean = network(), network()
    optimizer, expected = made(name, net), made(name, clean)
    scaler = train(net, optimizer, steps)
    assert scaler.get_scale() == 2.0**7
    train(clean, expected, [step for step in steps if step[1] is GOOD])
    same(net, optimizer, clean, expected)
    # One step more or fewer would have been noticed.
    fewer = network()
    train(fewer, made(name, fewer), [(1, GOOD), (2, GOOD)])
    assert not torch.equal(net[0].weight, fewer[0].weight)


@pytest.mark.parametrize("name", ["folded", "adabound"])
def test_the_scale_itself_changes_nothing(name):
    net, plain = network(), network()
    optimizer, expected = made(name, net), made(name, plain)
    train(net, optimizer, [(number, GOOD) for number in range(4)])
    off = torch.amp.GradScaler("cpu", enabled=False)
    for number in range(4):
        generator = torch.Generator().manual_seed(number)
        for p in plain.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        off.step(expected)
    for one, other in zip(net.parameters(), plain.parameters(), strict=True):
        # AdaBound's factors are float64 numbers here and float64 tensors there.
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def test_adabound_counts_on_with_and_without_a_scaler():
    """As after a restart in another precision; and a checkpoint keeps the count."""
    net = network()
    optimizer = AdaBound(net.parameters(), lr=0.01)
    weight = net[0].weight
    for p in net.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert optimizer.state[weight]["step"] == 1
    train(net, optimizer, [(1, GOOD), (2, math.inf), (3, GOOD)])
    assert optimizer.state[weight]["step"].item() == 3

    other = copy.deepcopy(net)
    resumed = AdaBound(other.parameters(), lr=0.01)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for one, trained in ((optimizer, net), (resumed, other)):
        for p in trained.parameters():
            p.grad = torch.ones_like(p)
        one.step()
    same(net, optimizer, other, resumed)
    assert optimizer.state[weight]["step"] == 4
    assert isinstance(optimizer.state[weight]["step"], int)
