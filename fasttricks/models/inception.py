"""Inception-V3 (Szegedy et al., arXiv 1512.00567), in the form that P1 trains (gluon-cv's).

    299 px  stem      3x3/2 v 32, 3x3 v 32, 3x3 64 | max 3/2, 1x1 80, 3x3 v 192   192 x 71 x 71
            stage 1   max 3/2, A(32), A(64), A(64)                               288 x 35 x 35
            stage 2   B, C(128), C(160), C(160), C(192)                          768 x 17 x 17
            stage 3   D, E, E                                                   2048 x  8 x  8
            head      mean, dropout, linear                                      num_classes

A convolution marked `v` has no padding, nor has any max pool; all have batch norm and ReLU behind.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fasttricks.models.config import InceptionConfig
from fasttricks.models.init import initialise, set_norms
from fasttricks.models.layers import relu
from fasttricks.models.pooling import mean_of_maps

SMALLEST = 75
"""The smallest picture whose last map still has a pixel."""
SMALLEST_WITH_AUX = 299
"""The auxiliary head pools to 5 x 5 and puts a 5 x 5 convolution on that."""

Kernel = int | tuple[int, int]


class InceptionLogits(NamedTuple):
    """What a model with an auxiliary head returns in training: twice `[B, num_classes]`."""

    logits: Tensor
    aux: Tensor


class InceptionV3(nn.Module):
    """Pictures `[B, 3, H, W]` of at least 75 px to logits `[B, num_classes]`.

    With `config.aux`, training returns `InceptionLogits` (weigh the second loss down, by 0.4 as
    torchvision does or 0.3 as the paper) and needs 299 px; evaluation skips the second head.

    23,834,568 parameters and 5.713 GMACs at 299 px; the auxiliary head adds 3,326,696.

    Raises:
        ValueError: the picture is too small.
    """

    stage_strides = (4, 8, 16, 32)
    stage_channels = (192, 288, 768, 2048)
    input_size = 299

    def __init__(self, config: InceptionConfig) -> None:
        super().__init__()
        self.config = config
        self.stages = nn.ModuleList(
            [
                nn.Sequential(
                    Unit(3, 32, 3, stride=2, padded=False),
                    Unit(32, 32, 3, padded=False),
                    Unit(32, 64, 3),
                    nn.MaxPool2d(3, 2),
                    Unit(64, 80, 1),
                    Unit(80, 192, 3, padded=False),
                ),
                nn.Sequential(
                    nn.MaxPool2d(3, 2), block_a(192, 32), block_a(256, 64), block_a(288, 64)
                ),
                nn.Sequential(block_b(288), block_c(128), block_c(160), block_c(160), block_c(192)),
                nn.Sequential(block_d(768), block_e(1280), block_e(2048)),
            ]
        )
        self.aux = AuxiliaryHead(768, config.num_classes) if config.aux else None
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(2048, config.num_classes)
        set_norms(self, config)
        initialise(self, config.init, zero_gamma=False)

    def forward(self, x: Tensor) -> Tensor | InceptionLogits:
        aux = self.aux if self.training else None
        check_size(x, SMALLEST_WITH_AUX if aux else SMALLEST)
        for stage in self.stages[:3]:
            x = stage(x)
        halfway, x = x, self.stages[3](x)
        logits: Tensor = self.classifier(self.dropout(mean_of_maps(x)))
        return InceptionLogits(logits, aux(halfway)) if aux else logits

    def features(self, x: Tensor) -> list[Tensor]:
        """One map a stage, `stage_channels[i]` deep and about `1 / stage_strides[i]` as wide.

        Most of the stem is unpadded, so the sizes are a little less: 299 px gives 71, 35, 17, 8.
        """
        check_size(x, SMALLEST)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def check_size(x: Tensor, smallest: int) -> None:
    """ValueError where a map would shrink to nothing."""
    height, width = x.shape[-2:]
    if height < smallest or width < smallest:
        raise ValueError(
            f"input of {height} x {width} pixels: Inception-V3 takes {smallest} or more a side"
        )


def block_a(channels: int, pooled: int) -> nn.Module:
    """35 x 35: `channels` to `224 + pooled`."""
    return Branches(
        units(channels, (64, 1)),
        units(channels, (48, 1), (64, 5)),
        units(channels, (64, 1), (96, 3), (96, 3)),
        pool_then(channels, pooled),
    )


def block_b(channels: int) -> nn.Module:
    """35 x 35 to 17 x 17: `channels` to `480 + channels`."""
    return Branches(
        units(channels, (384, 3), halve=True),
        units(channels, (64, 1), (96, 3), (96, 3), halve=True),
        nn.MaxPool2d(3, 2),
    )


def block_c(slim: int) -> nn.Module:
    """17 x 17, 768 to 768, with 7 x 7 windows taken apart; `slim` channels between the parts."""
    row, column = (1, 7), (7, 1)
    return Branches(
        units(768, (192, 1)),
        units(768, (slim, 1), (slim, row), (192, column)),
        units(768, (slim, 1), (slim, column), (slim, row), (slim, column), (192, row)),
        pool_then(768, 192),
    )


def block_d(channels: int) -> nn.Module:
    """17 x 17 to 8 x 8: `channels` to `512 + channels`."""
    return Branches(
        units(channels, (192, 1), (320, 3), halve=True),
        units(channels, (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), halve=True),
        nn.MaxPool2d(3, 2),
    )


def block_e(channels: int) -> nn.Module:
    """8 x 8: `channels` to 2048, with 3 x 3 windows taken apart side by side."""

    def cross(channels: int) -> nn.Module:
        return Branches(Unit(channels, 384, (1, 3)), Unit(channels, 384, (3, 1)))

    return Branches(
        units(channels, (320, 1)),
        nn.Sequential(*units(channels, (384, 1)), cross(384)),
        nn.Sequential(*units(channels, (448, 1), (384, 3)), cross(384)),
        pool_then(channels, 192),
    )


class AuxiliaryHead(nn.Module):
    """A second classifier halfway: `[B, channels, 17, 17]` to `[B, num_classes]`."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.AvgPool2d(5, 3), Unit(channels, 128, 1), Unit(128, 768, 5, padded=False)
        )
        self.classifier = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(mean_of_maps(self.body(x)))
        return logits


class Branches(nn.Module):
    """Several ways over one input, side by side; their channels are joined in order."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU; `padded` keeps the size at stride 1."""

    def __init__(
        self, channels: int, out: int, kernel: Kernel, *, stride: int = 1, padded: bool = True
    ) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(channels, out, (height, width), stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(out)
        self.relu = relu()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.relu(self.norm(self.conv(x)))
        return y


def units(channels: int, *steps: tuple[int, Kernel], halve: bool = False) -> nn.Sequential:
    """Units of the given (channels, kernel) in a row; `halve`: the last has stride 2, unpadded."""
    row = []
    for i, (out, kernel) in enumerate(steps):
        last = halve and i == len(steps) - 1
        row.append(Unit(channels, out, kernel, stride=2 if last else 1, padded=not last))
        channels = out
    return nn.Sequential(*row)


def pool_then(channels: int, out: int) -> nn.Sequential:
    """A 3 x 3 mean in which padded zeros count, as in gluon-cv and torchvision, then a 1 x 1."""
    return nn.Sequential(nn.AvgPool2d(3, 1, 1), Unit(channels, out, 1))
