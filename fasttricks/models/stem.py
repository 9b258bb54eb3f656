"""The stem: from 3 channels at full size to 64 times `width` at a quarter (P1 figures 1, 2b)."""

from __future__ import annotations

from torch import nn

from fasttricks.models.blur import BlurPool
from fasttricks.models.config import AntiAlias, ResNetConfig
from fasttricks.models.layers import chain, conv, relu

STEM_CHANNELS = 64


def make_stem(config: ResNetConfig) -> nn.Sequential:
    """[B, 3, H, W] -> [B, stem_channels, H/4, W/4]; the small stem keeps H and W."""
    width = stem_channels(config)
    if config.stem == "small":
        return small_stem(width)
    pool = max_pool(config.antialias, width)
    return deep_stem(pool, width) if config.variant in ("c", "d") else plain_stem(pool, width)


def stem_channels(config: ResNetConfig) -> int:
    """Channels that the stem of this network puts out."""
    return int(STEM_CHANNELS * config.width)


def plain_stem(pool: nn.Module, width: int) -> nn.Sequential:
    """One 7 x 7 convolution of stride 2 (original, B)."""
    return chain(
        conv1=conv(3, width, 7, stride=2), norm1=nn.BatchNorm2d(width), relu1=relu(),
        pool=pool,
    )  # fmt: skip


def deep_stem(pool: nn.Module, width: int) -> nn.Sequential:
    """Three 3 x 3 convolutions, of which the first has stride 2 (C, D).

    P1's prose gives the first two stride 2; its figure 2b and its authors' code only the first.
    """
    half = width // 2
    return chain(
        conv1=conv(3, half, 3, stride=2), norm1=nn.BatchNorm2d(half), relu1=relu(),
        conv2=conv(half, half, 3), norm2=nn.BatchNorm2d(half), relu2=relu(),
        conv3=conv(half, width, 3), norm3=nn.BatchNorm2d(width), relu3=relu(),
        pool=pool,
    )  # fmt: skip


def small_stem(width: int) -> nn.Sequential:
    """One 3 x 3 convolution of stride 1: 32 pixels are too few to throw 15 of 16 away."""
    return chain(conv1=conv(3, width, 3), norm1=nn.BatchNorm2d(width), relu1=relu())


def max_pool(antialias: AntiAlias | None, width: int) -> nn.Module:
    """3 x 3 max pool of stride 2; anti-aliased, a dense one whose stride the blur carries."""
    if antialias is None or "maxpool" not in antialias.positions:
        return nn.MaxPool2d(3, stride=2, padding=1)
    return chain(
        max=nn.MaxPool2d(3, stride=1, padding=1),
        blur=BlurPool(width, filter_size=antialias.filter_size, stride=2),
    )
