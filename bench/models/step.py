"""What is timed: a training step and an inference, as anybody would write them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from fasttricks.tricks.nesterov import fused_sgd

CLASSES = 1000
LR = 1e-6
"""Every update is made, but so small that the last step does the work of the first: a network that
had learnt the one batch by heart would multiply ever smaller numbers."""

Step = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all networks of a bench share."""

    device: torch.device
    dtype: torch.dtype
    """Of the pictures, and of autocast; float32 means none."""
    batch_size: int
    size: int

    def autocast(self) -> torch.autocast:
        """The context in which forwards run."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32)

    def settle(self) -> None:
        """Wait until the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @functools.cached_property
    def images(self) -> torch.Tensor:
        """Normalised pictures that are noise: [batch, 3, size, size], of `dtype` as our loaders
        deliver them, channels_last. All networks read the same ones."""
        shape = self.batch_size, 3, self.size, self.size
        images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        return images.to(self.device, self.dtype, memory_format=torch.channels_last)

    @functools.cached_property
    def labels(self) -> torch.Tensor:
        """Class indices [batch], int64."""
        return torch.arange(self.batch_size, device=self.device) % CLASSES


def make_step(model: nn.Module, setting: Setting, *, training: bool, compiled: bool) -> Step:
    """The training step or the inference of `model`, which is where it shall run already.

    Compiled as one graph: where a network's code had to be left to Python in places, or all of it,
    torch would say nothing and run, and the row would not be what it is called.
    """
    make = training_step if training else inference
    forward = torch.compile(model, dynamic=False, fullgraph=True) if compiled else model
    return make(model, forward, setting)


def training_step(model: nn.Module, forward: Callable[..., torch.Tensor], setting: Setting) -> Step:
    """Forward and cross-entropy under autocast, backward, SGD with momentum in one fused kernel;
    float16 with a scaled loss. Loss and optimiser are not compiled."""
    images, labels = setting.images, setting.labels
    optimiser = fused_sgd(model.parameters(), LR, momentum=0.9, weight_decay=1e-4)
    scaler = torch.amp.GradScaler(setting.device.type, enabled=setting.dtype is torch.float16)

    def step() -> None:
        with setting.autocast():
            loss = F.cross_entropy(forward(images), labels)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad(set_to_none=True)

    return step


def inference(model: nn.Module, forward: Callable[..., torch.Tensor], setting: Setting) -> Step:
    """Forward under autocast; `model` is in evaluation mode already."""
    images = setting.images

    def step() -> None:
        with torch.inference_mode(), setting.autocast():
            forward(images)

    return step


def prepared(model: nn.Module, setting: Setting, *, training: bool) -> nn.Module:
    """The model in place, in its mode, in channels_last, its norms awake."""
    wake_norms(model)
    model.to(setting.device).to(memory_format=torch.channels_last)
    return model.train(training)


def wake_norms(model: nn.Module) -> None:
    """Gamma = 1 in every norm.

    Libraries differ in whether residual branches begin with gamma = 0. Products of zeros cost a GPU
    less power, and so less time, than training ever would.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and module.affine:
            nn.init.ones_(module.weight)
