"""The few words in which the figures are written: a convolution, a chain, a stage's options."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from torch import nn

from fasttricks.models.attention import SqueezeExcite
from fasttricks.models.blur import BlurPool
from fasttricks.models.config import SE, Position, ResNetConfig
from fasttricks.models.dropblock import DropBlock2d


def conv(
    in_channels: int, out_channels: int, size: int, *, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A size x size convolution without bias; the output has ceil(input / stride) pixels a side."""
    padding = dilation * (size // 2)
    return nn.Conv2d(
        in_channels, out_channels, size, stride, padding=padding, dilation=dilation, bias=False
    )


def relu() -> nn.ReLU:
    """In place: every ReLU here follows an operation whose gradient does not need its output."""
    return nn.ReLU(inplace=True)


def chain(**steps: nn.Module | None) -> nn.Sequential:
    """The steps one after the other, without those that are None.

    Steps are named, so that switching an option on or off renames no other weight.
    """
    return nn.Sequential(
        OrderedDict((name, step) for name, step in steps.items() if step is not None)
    )


@dataclass(frozen=True)
class Options:
    """What a configuration adds to the blocks of one stage: a new module, or None where it is off.

    Attributes:
        config: the whole network's.
        stage: 0 to 3.
    """

    config: ResNetConfig
    stage: int

    def drop(self) -> DropBlock2d | None:
        """DropBlock at this stage's scale; it stands between a batch norm and its ReLU."""
        dropblock = self.config.dropblock
        if dropblock is None or dropblock.scales[self.stage] == 0:
            return None
        return DropBlock2d(
            dropblock.scales[self.stage], block_size=dropblock.block_size, mask=dropblock.mask
        )

    def excite(self, channels: int) -> SqueezeExcite | None:
        """Squeeze-and-excitation; it stands last in a residual branch."""
        attention = self.config.attention
        if not isinstance(attention, SE):
            return None
        return SqueezeExcite(channels, ratio=attention.ratio, bias=attention.bias)

    def blur(self, position: Position, channels: int, stride: int) -> BlurPool | None:
        """The blur that carries the stride at this position, if it is to be anti-aliased."""
        antialias = self.config.antialias
        if stride == 1 or antialias is None or position not in antialias.positions:
            return None
        return BlurPool(channels, filter_size=antialias.filter_size, stride=stride)
