"""Path B of a block: what the residual is added to (P1 figures 1 and 2c)."""

from __future__ import annotations

from torch import nn

from fasttricks.models.config import ResNetConfig
from fasttricks.models.layers import Options, chain, conv


def make_shortcut(options: Options, in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """The identity where nothing changes, else a 1 x 1 projection with batch norm.

    The stride sits on the projection (original, B, C) or on a pool before it (D, Big-Little) or, at
    anti-alias position `"proj"`, on a blur before it. Big-Little with `projection="always"`
    projects also where nothing changes, and with `"changed"` only pools where channels are kept.
    """
    config = options.config
    always = config.big_little is not None and config.big_little.projection == "always"
    down = options.blur("proj", in_channels, stride) or average_pool(config, stride)
    if in_channels == out_channels and not always:
        return down or nn.Identity()
    return chain(
        pool=down,
        conv=conv(in_channels, out_channels, 1, stride=1 if down else stride),
        norm=nn.BatchNorm2d(out_channels),
        drop=options.drop(),
    )


def average_pool(config: ResNetConfig, stride: int) -> nn.AvgPool2d | None:
    """D: 2 x 2, an odd last row averaged by itself. Big-Little: 3 x 3, with zeros around."""
    if stride == 1 or config.variant != "d":
        return None
    if config.big_little:
        return nn.AvgPool2d(3, stride, padding=1)
    return nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False)
