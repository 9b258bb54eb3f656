"""Networks, optimisers and schedules as a recipe describes them."""

from dataclasses import replace

import pytest
import torch

from fasttricks.train.build import (
    build_ema,
    build_model,
    build_optimizer,
    build_schedule,
    layout,
    peak_lr,
)
from fasttricks.train.config import ModelConfig, OptimConfig, Recipe, ScheduleConfig
from fasttricks.train.recipes import baseline, efficient
from fasttricks.tricks.adabound import AdaBound
from fasttricks.tricks.nesterov import FoldedNesterov
from tests.train import tiny


def test_the_learning_rate_is_scaled_unless_it_is_given():
    assert peak_lr(baseline()) == pytest.approx(0.1)
    assert peak_lr(efficient()) == pytest.approx(0.4)
    assert peak_lr(replace(efficient(), optim=OptimConfig(lr=0.3))) == 0.3


def test_the_papers_schedule():
    """P1: 0.4 after 5 epochs from zero, a tenth at 30, 60 and 90."""
    schedule = build_schedule(efficient(), 1251)
    assert schedule.steps == 120 * 1251
    assert schedule(0) == pytest.approx(0.4 / (5 * 1251))
    assert schedule(5 * 1251) == pytest.approx(0.4)
    assert schedule(30 * 1251 - 1) == pytest.approx(0.4)
    assert schedule(30 * 1251) == pytest.approx(0.04)
    assert schedule(90 * 1251) == pytest.approx(4e-4)


@pytest.mark.parametrize("kind", ["cosine", "step", "constant"])
@pytest.mark.parametrize("warmup", ["from-zero", "from-base", "constant"])
def test_every_combination_is_a_schedule(kind, warmup):
    config = ScheduleConfig(
        epochs=10, kind=kind, warmup=warmup, warmup_epochs=2.0, warmup_lr=0.01, drops=(5,)
    )
    schedule = build_schedule(Recipe(schedule=config), 7)
    assert schedule.steps == 70
    assert all(schedule(step) > 0 for step in range(70))


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (OptimConfig(), torch.optim.SGD),
        (OptimConfig(fold_lr=True), FoldedNesterov),
        (OptimConfig(kind="adabound"), AdaBound),
        (OptimConfig(kind="sgd"), torch.optim.SGD),
        (OptimConfig(momentum=0.0), torch.optim.SGD),
    ],
)
def test_optimisers(config, kind):
    net = tiny.normed(None, 3)
    optimizer = build_optimizer(net, replace(config, decay_rule="weights-only"), 0.1)
    assert type(optimizer) is kind
    assert [group["weight_decay"] for group in optimizer.param_groups] == [1e-4, 0.0]
    if kind is torch.optim.SGD:
        nesterov = config.kind == "nesterov" and config.momentum > 0
        assert [group["nesterov"] for group in optimizer.param_groups] == [nesterov] * 2
        assert all(group["fused"] for group in optimizer.param_groups)


def test_overrides_reach_the_network():
    options = {"stem": "small", "antialias.filter_size": 3}
    config = ModelConfig(name="resnet18d", options=options)
    net = build_model(Recipe(model=config), 7)
    assert net.config.stem == "small"
    assert net.config.antialias.filter_size == 3
    assert net.classifier.out_features == 7


def test_weights_are_in_channels_last():
    net = layout(tiny.plain(None, 3), torch.device("cpu"))
    assert net[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_an_average_only_if_asked_for():
    net = tiny.plain(None, 3)
    assert build_ema(net, Recipe()) is None
    assert build_ema(net, Recipe(ema=0.99)).decay == 0.99
