"""Big-Little Net (arXiv 1807.03848), as P2 section 3.1.4 assembles it.

              +-- big: n - 1 blocks, half the size -- upsample --+
    x --------|                                                  +-- ReLU -- merge: 1 block
              +-- little: slim, few blocks, 1 x 1 - norm --------+

Three such stages follow a stem of the same shape; the fourth stage is a plain group of blocks.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from fasttricks.models.block import STAGE_WIDTHS, group_channels, make_group
from fasttricks.models.config import BigLittle, ResNetConfig
from fasttricks.models.layers import Options, chain, conv, relu
from fasttricks.models.stem import STEM_CHANNELS

BLOCK_COUNTS = {50: (3, 4, 6, 3), 101: (4, 8, 18, 3), 152: (5, 12, 30, 3)}
STAGE_STRIDES = (2, 2, 1, 2)
SIZE_MULTIPLE = 32


class BigLittleStem(nn.Module):
    """[B, 3, H, W] -> [B, 64, H/4, W/4]; ValueError unless H and W are multiples of 32."""

    def __init__(self, big_little: BigLittle) -> None:
        super().__init__()
        width = STEM_CHANNELS
        slim = width // big_little.alpha
        self.entry = chain(
            conv=conv(3, width, 7, stride=2), norm=nn.BatchNorm2d(width), relu=relu()
        )
        self.big = chain(conv=conv(width, width, 3, stride=2), norm=nn.BatchNorm2d(width))
        self.little = chain(
            conv1=conv(width, slim, 3), norm1=nn.BatchNorm2d(slim), relu1=relu(),
            conv2=conv(slim, slim, 3, stride=2), norm2=nn.BatchNorm2d(slim), relu2=relu(),
            conv3=conv(slim, width, 1), norm3=nn.BatchNorm2d(width),
        )  # fmt: skip
        self.merge = chain(conv=conv(width, width, 1), norm=nn.BatchNorm2d(width), relu=relu())

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
            raise ValueError(
                f"input of {height} x {width} pixels: Big-Little takes multiples of {SIZE_MULTIPLE}"
            )
        x = self.entry(x)
        out: Tensor = self.merge(F.relu(self.big(x) + self.little(x), inplace=True))
        return out


class BigLittleStage(nn.Module):
    """[B, in_channels, H, W] -> [B, 4 width, H / stride, W / stride]; H and W are even."""

    def __init__(
        self,
        options: Options,
        big_little: BigLittle,
        in_channels: int,
        width: int,
        count: int,
        *,
        stride: int,
    ) -> None:
        super().__init__()
        out_channels = group_channels(options.config, width)
        slim = width // big_little.alpha
        slim_channels = group_channels(options.config, slim)
        slim_count = max(1, count // big_little.beta - 1)
        self.big = make_group(options, in_channels, width, count - 1, stride=2, last_relu=False)
        self.little = make_group(options, in_channels, slim, slim_count)
        self.widen = chain(
            conv=conv(slim_channels, out_channels, 1), norm=nn.BatchNorm2d(out_channels)
        )
        self.merge = make_group(options, out_channels, width, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        big = F.interpolate(self.big(x), scale_factor=2.0, mode="nearest")
        little = self.widen(self.little(x))
        out: Tensor = self.merge(F.relu(big + little, inplace=True))
        return out


def big_little_stages(config: ResNetConfig, big_little: BigLittle) -> nn.ModuleList:
    """Three Big-Little stages and a plain one, as `BLOCK_COUNTS` and `STAGE_STRIDES` have them."""
    stages: list[nn.Module] = []
    in_channels = STEM_CHANNELS
    *branched, last = zip(STAGE_WIDTHS, BLOCK_COUNTS[config.depth], STAGE_STRIDES, strict=True)
    for stage, (width, count, stride) in enumerate(branched):
        options = Options(config, stage)
        stages.append(BigLittleStage(options, big_little, in_channels, width, count, stride=stride))
        in_channels = group_channels(config, width)
    width, count, stride = last
    stages.append(make_group(Options(config, 3), in_channels, width, count, stride=stride))
    return nn.ModuleList(stages)
