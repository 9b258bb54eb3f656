"""The mean of everybody's statistics inside, one's own after."""

import torch
from torch import nn

from fasttricks.train.batchnorm import all_finite, buffers_kept, shared_statistics
from fasttricks.train.distributed import World


class Two(World):
    """The first of two processes; the other one has zeros."""

    def sum(self, values):
        return values


def net():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    model[1].running_mean += 3
    return model


def test_the_mean_is_there_only_inside():
    model = net()
    weights = model[0].weight.clone()
    with shared_statistics(model, Two(device=torch.device("cpu"), threads=1, size=2)) as own:
        assert model[1].running_mean.tolist() == [1.5, 1.5]
        assert model[1].running_var.tolist() == [0.5, 0.5]
        assert own["1.running_mean"].tolist() == [3, 3]
    assert sorted(own) == ["1.running_mean", "1.running_var"]
    assert model[1].running_mean.tolist() == [3, 3]
    assert model[1].running_var.tolist() == [1, 1]
    assert torch.equal(model[0].weight, weights)


def test_alone_there_is_nothing_to_share():
    model = net()
    with shared_statistics(model, World(device=torch.device("cpu"), threads=1)) as own:
        assert own == {}
        assert model[1].running_mean.tolist() == [3, 3]


def test_what_is_not_finite_is_seen_in_weights_and_in_statistics():
    world = World(device=torch.device("cpu"), threads=1)
    assert all_finite(net(), world)
    broken = net()
    broken[0].weight.data[0, 0] = torch.inf
    assert not all_finite(broken, world)
    broken = net()
    broken[1].running_var[1] = torch.nan
    assert not all_finite(broken, world)


def test_what_is_not_finite_elsewhere_is_seen_here():
    class Worse(World):
        def sum(self, values):
            return values + 1

    assert not all_finite(net(), Worse(device=torch.device("cpu"), threads=1))


def test_what_a_pass_does_to_buffers_is_taken_back():
    model = net()
    before = {name: value.clone() for name, value in model.named_buffers()}
    with buffers_kept(model):
        model(torch.randn(2, 3, 4, 4))
        assert not torch.equal(model[1].running_mean, before["1.running_mean"])
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
