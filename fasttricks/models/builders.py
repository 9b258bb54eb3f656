"""From a name, or from a configuration, to a network."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from fasttricks.models.config import InceptionConfig, MobileNetConfig, ModelConfig, ResNetConfig
from fasttricks.models.inception import InceptionV3
from fasttricks.models.mobilenet import MobileNetV1
from fasttricks.models.names import model_config
from fasttricks.models.resnet import ResNet


def create_model(name: str, *, num_classes: int = 1000, **overrides: Any) -> nn.Module:
    """A freshly initialised network in training mode, its weights laid out in channels_last.

    `model(x)` maps [B, 3, H, W] to logits [B, num_classes]; `model.features(x)` gives one map a
    stage, of `model.stage_channels` channels at `model.stage_strides`; `model.classifier` is the
    last layer and `model.input_size` the size to train at. Under `torch.device("meta")` it costs
    neither memory nor initialisation. `resnet50` is that of "Bag of Tricks", whose strides
    sit in 1 x 1 convolutions: `resnet50` of torchvision and timm is `resnet50b` here.

    Args:
        name: one of `list_models()`.
        num_classes: width of the classifier.
        overrides: fields of the model's configuration, e.g. `variant="c"`, `attention="sk"`,
            `dropblock={"keep": 0.8}`; see `model_config`.

    Raises:
        UnknownNameError: no such model; the message lists those that exist.
        ValueError: an unknown field, a value or a combination that is not allowed.
    """
    return build_model(model_config(name, num_classes=num_classes, **overrides))


def build_model(config: ModelConfig) -> nn.Module:
    """The network that a configuration describes, as `create_model` gives it."""
    model: nn.Module
    match config:
        case ResNetConfig():
            model = ResNet(config)
        case InceptionConfig():
            model = InceptionV3(config)
        case MobileNetConfig():
            model = MobileNetV1(config)
    return model.to(memory_format=torch.channels_last)
