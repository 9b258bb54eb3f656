"""DropBlock's schedule."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fasttricks.models import create_model
from fasttricks.models.dropblock import DropBlock2d
from fasttricks.tricks.dropblock import DropBlockSchedule


def net(target):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), DropBlock2d(0.25), nn.Sequential(DropBlock2d(1.0)))
    model.config = SimpleNamespace(dropblock=SimpleNamespace(keep=target))
    return model


def keeps(model):
    return [float(m.keep) for m in model.modules() if isinstance(m, DropBlock2d)]


def test_falls_linearly_from_1_to_the_target():
    schedule = DropBlockSchedule(net(0.9), 200)
    assert schedule.keep(0) == 1
    assert schedule.keep(50) == pytest.approx(0.975)
    assert schedule.keep(100) == pytest.approx(0.95)
    assert schedule.keep(199) == pytest.approx(0.9005)
    assert schedule.keep(200) == schedule.keep(1000) == pytest.approx(0.9)


def test_writes_into_every_layer_in_place():
    model = net(0.5)
    places = [m.keep.data_ptr() for m in model.modules() if isinstance(m, DropBlock2d)]
    schedule = DropBlockSchedule(model, 10)
    for step, expected in ((0, 1.0), (5, 0.75), (10, 0.5), (0, 1.0)):
        schedule(step)
        assert keeps(model) == pytest.approx([expected, expected])
    assert [m.keep.data_ptr() for m in model.modules() if isinstance(m, DropBlock2d)] == places


def test_takes_the_target_of_our_networks_also_when_wrapped():
    options = {"block_size": 7, "keep": 0.8, "scales": (0.0, 0.0, 0.0, 1.0)}
    model = create_model("resnet18", num_classes=2, dropblock=options)
    for wrapped in (model, nn.Sequential(model)):
        schedule = DropBlockSchedule(wrapped, 4)
        assert schedule.target == 0.8
        schedule(4)
        assert set(keeps(model)) == {torch.tensor(0.8).item()}


def test_leaves_a_model_without_dropblock_alone():
    DropBlockSchedule(nn.Linear(2, 2), 10)(5)


def test_a_network_that_does_not_say_where_it_ends_is_refused():
    with pytest.raises(ValueError, match=r"no config\.dropblock\.keep"):
        DropBlockSchedule(nn.Sequential(DropBlock2d(1.0)), 5)
