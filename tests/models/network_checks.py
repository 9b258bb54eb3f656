"""Small stand-ins for every named network, and norms that hide nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

import torch
from torch import Tensor, nn

from fasttricks.models import biglittle, resnet
from fasttricks.models.builders import build_model
from fasttricks.models.config import (
    BOTTLENECK_DEPTHS,
    MobileNetConfig,
    ModelConfig,
    ResNetConfig,
)
from fasttricks.models.dropblock import set_keep
from fasttricks.models.names import list_models, model_config

BATCH = 3
CLASSES = 10


@contextmanager
def few_blocks() -> Iterator[None]:
    """Within, ResNets of any depth are built with one block a stage and two in the last.

    A stage's third block would be the second again, and the second looks alike in all stages.
    """
    plain = dict.fromkeys(resnet.BLOCK_COUNTS, (1, 1, 1, 2))
    branched = dict.fromkeys(biglittle.BLOCK_COUNTS, (3, 2, 2, 1))
    with (
        mock.patch.dict(resnet.BLOCK_COUNTS, plain),
        mock.patch.dict(biglittle.BLOCK_COUNTS, branched),
    ):
        yield


def architectures() -> dict[str, ModelConfig]:
    """Of all named networks those that differ in more than the number of blocks.

    Every name is in one of the keys, where names of the same architecture are joined by "+".
    """
    names: dict[ModelConfig, list[str]] = {}
    for name in list_models():
        config = model_config(name, num_classes=CLASSES)
        if isinstance(config, ResNetConfig) and config.depth in BOTTLENECK_DEPTHS:
            config = replace(config, depth=50)
        elif isinstance(config, ResNetConfig):
            same = "b" if config.variant == "original" else config.variant
            config = replace(config, depth=18, variant=same)
        elif isinstance(config, MobileNetConfig):
            config = replace(config, width=0.25)
        names.setdefault(config, []).append(name)
    return {"+".join(same): config for config, same in names.items()}


ARCHITECTURES = architectures()


def small_network(config: ModelConfig) -> nn.Module:
    """The network with few blocks, lively, and with DropBlock that drops a fifth."""
    torch.manual_seed(0)
    with few_blocks():
        model = build_model(config)
    lively(model, pictures(config))
    set_keep(model, 0.8)
    return model


def lively(model: nn.Module, x: Tensor) -> nn.Module:
    """Norms get random parameters and the statistics of `x`, in place; evaluation mode.

    No norm is the identity then, no residual branch is silent, and no signal dies on its way.
    """
    generator = torch.Generator().manual_seed(1)
    norms = [m for m in model.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    for norm in norms:
        norm.weight.data.uniform_(0.5, 1.5, generator=generator)
        norm.bias.data.uniform_(-0.2, 0.2, generator=generator)
    momenta = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.train().momentum = 1.0
    with torch.no_grad():
        model(x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval().momentum = momentum
    return model


def pictures(config: ModelConfig, batch: int = BATCH) -> Tensor:
    """Random input of the smallest convenient size, in channels_last."""
    size = 64 if isinstance(config, (ResNetConfig, MobileNetConfig)) else 75
    x = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(batch))
    return x.to(memory_format=torch.channels_last)
