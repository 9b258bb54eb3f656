"""No bias decay: which parameters decay, and what that does."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet

from fasttricks.tricks.nesterov import fused_sgd
from fasttricks.tricks.no_bias_decay import parameter_groups

DECAYED = {18: 11_678_912, 34: 21_779_648, 50: 25_502_912, 101: 44_442_816, 152: 60_040_384}


def count(group):
    return sum(parameter.numel() for parameter in group["params"])


@pytest.mark.parametrize(("depth", "decayed"), DECAYED.items())
def test_resnets(depth, decayed):
    with torch.device("meta"):
        net = getattr(resnet, f"resnet{depth}")()
    first, second = parameter_groups(net, 1e-4)
    assert count(first) == decayed
    assert count(first) + count(second) == sum(p.numel() for p in net.parameters())
    if depth == 50:
        assert len(first["params"]) == 54
        assert len(second["params"]) == 107
        assert count(second) == 54_120


def test_resnet50_of_ours():
    models = pytest.importorskip("fasttricks.models.resnet")
    from fasttricks.models.config import ResNetConfig

    with torch.device("meta"):
        net = models.ResNet(ResNetConfig(depth=50, variant="original"))
    first, second = parameter_groups(net, 1e-4)
    assert (count(first), len(first["params"])) == (25_502_912, 54)
    assert (count(second), len(second["params"])) == (54_120, 107)


def small():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.LayerNorm([4, 2, 2]),
        nn.Flatten(),
        nn.Linear(16, 5),
    )


def names(net, group):
    by_id = {id(parameter): name for name, parameter in net.named_parameters()}
    return {by_id[id(parameter)] for parameter in group["params"]}


def test_the_three_rules():
    net = small()
    weights = {"0.weight", "4.weight"}
    norms = {"1.weight", "1.bias", "2.weight", "2.bias"}  # LayerNorm's gamma has 3 dimensions
    biases = {"0.bias", "4.bias"}
    first, second = parameter_groups(net, 0.1)
    assert names(net, first) == weights
    assert names(net, second) == norms | biases
    assert (first["weight_decay"], second["weight_decay"]) == (0.1, 0.0)
    first, second = parameter_groups(net, 0.1, "norms-exempt")
    assert names(net, first) == weights | biases
    assert names(net, second) == norms
    (everything,) = parameter_groups(net, 0.1, "all")
    assert names(net, everything) == weights | norms | biases


def test_vectors_do_not_decay_whatever_they_are_called():
    net = nn.Sequential(nn.Linear(2, 3), nn.PReLU(3))
    first, second = parameter_groups(net, 0.1)
    assert names(net, first) == {"0.weight"}
    assert names(net, second) == {"0.bias", "1.weight"}


def test_frozen_ones_are_left_out_and_shared_ones_come_once():
    net = small()
    net[0].requires_grad_(False)
    net[4].weight = nn.Parameter(torch.zeros(5, 16))
    net.append(nn.Linear(16, 5))
    net[5].weight = net[4].weight
    first, second = parameter_groups(net, 0.1)
    assert [parameter is net[4].weight for parameter in first["params"]] == [True]
    assert len(second["params"]) == 6


@pytest.mark.parametrize(("momentum", "factor"), [(0.0, 1.0), (0.9, 1.9)])
def test_without_a_gradient_weights_shrink_and_the_rest_stays(momentum, factor):
    """w -> (1 - lr * wd) * w; on Nesterov's first step (1 - (1 + momentum) * lr * wd) * w."""
    net, lr, decay = small().double(), 0.1, 0.01
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    groups = parameter_groups(net, decay)
    optimizer = fused_sgd(groups, lr, momentum=momentum, nesterov=momentum > 0)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in net.named_parameters():
        if name in ("0.weight", "4.weight"):
            expected = (1 - factor * lr * decay) * before[name]
            torch.testing.assert_close(parameter.detach(), expected, rtol=1e-14, atol=0)
        else:
            assert torch.equal(parameter, before[name])
