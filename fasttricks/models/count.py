"""Parameters, multiply-accumulates and activations of any model, by hooks on the meta device.

The rules are both papers': a multiply-accumulate (MAC) is one operation, which they call a FLOP,
and only convolutions and linear layers count. Batch norm, activation functions, pooling, blur,
softmax and additions are free in this count; `fasttricks.models.traffic` has their true price.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fasttricks.models.trace import mode_of, model_on_meta

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
LAYERS = (*CONVOLUTIONS, nn.Linear)
"""What multiplies."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a model costs, whatever it runs on."""

    parameters: int
    """Elements of all parameters, trained or not; buffers (statistics, fixed filters) are none."""
    macs: int
    """Multiply-accumulates of convolutions and linear layers; biases are none."""
    activations: int
    """Elements of the outputs of convolutions: what a training step has to keep, and to read and
    write again and again. Outputs of linear layers, norms and pools are not in it."""
    batch: int
    """How many pictures `macs` and `activations` are for."""


def count(model: nn.Module, size: int, batch: int = 1) -> Counts:
    """Count one forward in evaluation mode of [batch, 3, size, size].

    A layer that is used several times counts each time. What a model does by itself, without a
    layer (`F.conv2d` with a fixed filter, attention), does not count.

    Args:
        model: any module of `nn.Conv*d` and `nn.Linear` layers; left as it is; nothing is computed.
        size: side of the input in pixels.
        batch: pictures; macs and activations grow with it.
    """
    macs, activations = 0, 0

    def add(layer: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal macs, activations
        macs += output.numel() * _macs_per_output(layer)
        if not isinstance(layer, nn.Linear):
            activations += output.numel()

    layers = (module for module in model.modules() if isinstance(module, LAYERS))
    hooks = [layer.register_forward_hook(add) for layer in layers]
    try:
        with mode_of(model, training=False), torch.no_grad():
            model_on_meta(model, torch.float32, batch, size)
    finally:
        for hook in hooks:
            hook.remove()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Counts(parameters=parameters, macs=macs, activations=activations, batch=batch)


def _macs_per_output(layer: nn.Module) -> int:
    if isinstance(layer, CONVOLUTIONS):
        return layer.in_channels // layer.groups * math.prod(layer.kernel_size)
    assert isinstance(layer, nn.Linear)
    return layer.in_features
