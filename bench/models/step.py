"""What is timed: a training step and an inference, as anybody would write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 1000

Step = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all networks of a bench share."""

    device: torch.device
    dtype: torch.dtype
    """Of autocast; float32 means none."""
    batch_size: int
    size: int

    def autocast(self) -> torch.autocast:
        """The context in which forwards run."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32)

    def images(self) -> torch.Tensor:
        """Normalised pictures that are noise: [batch, 3, size, size], float32, channels_last."""
        shape = self.batch_size, 3, self.size, self.size
        images = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        return images.to(self.device, memory_format=torch.channels_last)


def make_step(model: nn.Module, setting: Setting, *, training: bool, compiled: bool) -> Step:
    """The training step or the inference of `model`, which is where it shall run already."""
    make = training_step if training else inference
    return make(model, torch.compile(model, dynamic=False) if compiled else model, setting)


def training_step(model: nn.Module, forward: Callable[..., torch.Tensor], setting: Setting) -> Step:
    """Forward and cross-entropy under autocast, backward, SGD with momentum; float16 with a scaled
    loss. The optimiser is not compiled."""
    images = setting.images()
    labels = torch.arange(setting.batch_size, device=setting.device) % CLASSES
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
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
    images = setting.images()

    def step() -> None:
        with torch.inference_mode(), setting.autocast():
            forward(images)

    return step


def prepared(model: nn.Module, setting: Setting, *, training: bool) -> nn.Module:
    """The model in place, in its mode, in channels_last, with gamma = 1 in every norm.

    Libraries differ in whether residual branches begin with gamma = 0. Products of zeros cost a GPU
    less power, and so less time, than training ever would.
    """
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    model.to(setting.device).to(memory_format=torch.channels_last)
    return model.train(training)
