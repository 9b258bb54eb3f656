"""From a recipe to the things that train: network, optimiser, schedule."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from fasttricks.models import create_model
from fasttricks.train.config import OptimConfig, Recipe
from fasttricks.train.distributed import World
from fasttricks.tricks.adabound import AdaBound
from fasttricks.tricks.ema import EMA
from fasttricks.tricks.lr_scaling import scaled_lr
from fasttricks.tricks.nesterov import FoldedNesterov, fused_sgd
from fasttricks.tricks.no_bias_decay import parameter_groups
from fasttricks.tricks.schedule import Schedule
from fasttricks.tricks.step_decay import StepDecay
from fasttricks.tricks.warmup import Warmup

_PARAMETERS = signature(DistributedDataParallel.__init__).parameters
_NAME = "forward_sync_buffers" if "forward_sync_buffers" in _PARAMETERS else "broadcast_buffers"
_RANK_LOCAL_BUFFERS: dict[str, Any] = {_NAME: False}
"""The argument has another name since torch 2.15."""

Build = Callable[[Recipe, int], nn.Module]


def build_model(recipe: Recipe, num_classes: int) -> nn.Module:
    """A freshly initialised network as the recipe describes it."""
    model = recipe.model
    return create_model(model.name, num_classes=num_classes, **model.overrides())


def wrapped(model: nn.Module, recipe: Recipe, world: World) -> nn.Module:
    """The network as it is called in training; `model` stays what is saved and evaluated."""
    if recipe.compile:
        # In place: names of parameters stay as they are. Growing pictures have few sizes, and code
        # for each is faster than code for all.
        model.compile(dynamic=False)
    if world.size == 1:
        return model
    return DistributedDataParallel(
        model,
        device_ids=[world.device.index] if world.device.type == "cuda" else None,
        gradient_as_bucket_view=True,
        # torch's reducer fails where a static graph meets no_sync, which accumulating needs.
        static_graph=recipe.accumulate == 1,
        **_RANK_LOCAL_BUFFERS,  # the trainer averages BatchNorm's statistics where it uses them
    )


def peak_lr(recipe: Recipe) -> float:
    """The learning rate after the warm-up."""
    optim = recipe.optim
    return optim.lr or scaled_lr(optim.lr_per_256, recipe.data.batch_size)


def build_optimizer(model: nn.Module, config: OptimConfig, lr: float) -> Optimizer:
    """The optimiser over a network's parameters, in one kernel where torch has one."""
    groups = parameter_groups(model, config.weight_decay, config.decay_rule)
    if config.kind == "adabound":
        return AdaBound(groups, lr, final_lr=config.final_lr)
    if config.kind == "nesterov" and config.momentum:
        if config.fold_lr:
            return FoldedNesterov(groups, lr, momentum=config.momentum)
        return fused_sgd(groups, lr, momentum=config.momentum, nesterov=True)
    return fused_sgd(groups, lr, momentum=config.momentum)


def build_schedule(recipe: Recipe, steps_per_epoch: int) -> Schedule:
    """The learning rate of every step; the warm-up's steps are rounded down."""
    c, peak = recipe.schedule, peak_lr(recipe)
    warmup = Warmup(c.warmup, int(c.warmup_epochs * steps_per_epoch), c.warmup_lr, peak)
    decay = StepDecay(c.epochs, steps_per_epoch, c.drops, c.factor) if c.kind == "step" else c.kind
    return Schedule(warmup, c.epochs * steps_per_epoch, decay)


def layout(model: nn.Module, device: torch.device) -> nn.Module:
    """The network on its device, its weights in channels_last."""
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def build_ema(model: nn.Module, recipe: Recipe) -> EMA | None:
    """The average of a network's weights over steps, if the recipe has one."""
    return EMA(model, recipe.ema) if recipe.ema else None
