"""ResNet 18 to 152 with every tweak of P1 and P2: a stem, four stages, average, classifier."""

from __future__ import annotations

from itertools import accumulate
from operator import mul

from torch import Tensor, nn

from fasttricks.models import biglittle
from fasttricks.models.biglittle import BigLittleStem, big_little_stages
from fasttricks.models.block import group_channels, make_group, stage_widths
from fasttricks.models.config import ResNetConfig
from fasttricks.models.init import initialise, set_norms
from fasttricks.models.layers import Options
from fasttricks.models.pooling import mean_of_maps
from fasttricks.models.stem import make_stem, stem_channels

BLOCK_COUNTS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
STEM_STRIDES = {"imagenet": 4, "small": 1}
STAGE_STRIDES = (1, 2, 2, 2)


class ResNet(nn.Module):
    """The network that `config` describes.

    Takes normalised pictures [B, 3, H, W] of any float dtype, best in channels_last, of any size
    (Big-Little: multiples of 32, else ValueError); gives logits [B, num_classes].

    Attributes:
        stage_channels, stage_strides: of the four maps that `features` gives.
        input_size, test_size: pixels a side at which the papers train and test.
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.input_size = self.test_size = 224 if config.stem == "imagenet" else 32
        if config.big_little:
            self.test_size = 256
            self.stem: nn.Module = BigLittleStem(config.big_little)
            self.stages = big_little_stages(config, config.big_little)
            strides: tuple[int, ...] = biglittle.STAGE_STRIDES
        else:
            self.stem = make_stem(config)
            self.stages = plain_stages(config)
            strides = tuple(stride for stride, _ in strides_and_dilations(config.output_stride))
        self.dropout = nn.Dropout(config.dropout) if config.dropout else nn.Identity()
        self.stage_channels = tuple(group_channels(config, width) for width in stage_widths(config))
        self.classifier = nn.Linear(self.stage_channels[-1], config.num_classes)
        _, *totals = accumulate(strides, mul, initial=STEM_STRIDES[config.stem])
        self.stage_strides = tuple(totals)
        set_norms(self, config)
        initialise(self, config.init, zero_gamma=config.zero_gamma)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        logits: Tensor = self.classifier(self.dropout(mean_of_maps(x)))
        return logits

    def features(self, x: Tensor) -> list[Tensor]:
        """One map a stage: [B, stage_channels[i], H / stage_strides[i], W / ...], rounded up."""
        maps = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def plain_stages(config: ResNetConfig) -> nn.ModuleList:
    """Four groups of blocks: 64 to 512 wide if not scaled, the later ones striding or dilated."""
    stages = nn.ModuleList()
    in_channels = stem_channels(config)
    shapes = zip(
        stage_widths(config),
        BLOCK_COUNTS[config.depth],
        strides_and_dilations(config.output_stride),
        strict=True,
    )
    for stage, (width, count, (stride, dilation)) in enumerate(shapes):
        options = Options(config, stage)
        stages.append(
            make_group(options, in_channels, width, count, stride=stride, dilation=dilation)
        )
        in_channels = group_channels(config, width)
    return stages


def strides_and_dilations(output_stride: int) -> list[tuple[int, int]]:
    """Of each stage: once the output stride is reached, a stage dilates by what it would stride."""
    usual = accumulate(STAGE_STRIDES, mul, initial=STEM_STRIDES["imagenet"])
    dilations = [max(1, total // output_stride) for total in list(usual)[1:]]
    return [
        (1 if dilation > 1 else stride, dilation)
        for stride, dilation in zip(STAGE_STRIDES, dilations, strict=True)
    ]
