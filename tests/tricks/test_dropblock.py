"""DropBlock's schedule."""

import pytest
import torch
from torch import nn

from fasttricks.models import create_model
from fasttricks.models.dropblock import DropBlock2d
from fasttricks.tricks.dropblock import DropBlockSchedule


def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), DropBlock2d(0.25), nn.Sequential(DropBlock2d(1.0)))


def keeps(model):
    return [float(m.keep) for m in model.modules() if isinstance(m, DropBlock2d)]


def test_falls_linearly_from_1_to_the_target():
    schedule = DropBlockSchedule(net(), 200, target=0.9)
    assert schedule.keep(0) == 1
    assert schedule.keep(50) == pytest.approx(0.975)
    assert schedule.keep(100) == pytest.approx(0.95)
    assert schedule.keep(199) == pytest.approx(0.9005)
    assert schedule.keep(200) == schedule.keep(1000) == pytest.approx(0.9)


def test_writes_into_every_layer_in_place():
    model = net()
    places = [m.keep.data_ptr() for m in model.modules() if isinstance(m, DropBlock2d)]
    schedule = DropBlockSchedule(model, 10, target=0.5)
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
    schedule = DropBlockSchedule(nn.Linear(2, 2), 10)
    schedule(5)
    assert str(schedule) == "no DropBlock"
    assert "0.9 over 1,000 steps" in str(DropBlockSchedule(net(), 1000, target=0.9))


@pytest.mark.parametrize(
    ("steps", "target", "says"), [(0, 0.9, "steps=0"), (5, 0.0, "target=0"), (5, None, "target")]
)
def test_wrong_arguments_are_named(steps, target, says):
    with pytest.raises(ValueError, match=says):
        DropBlockSchedule(net(), steps, target)


def test_steps_count_from_0():
    with pytest.raises(ValueError, match="count from 0; got -1"):
        DropBlockSchedule(net(), 5, target=0.9)(-1)
