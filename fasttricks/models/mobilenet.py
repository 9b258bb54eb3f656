"""MobileNet-V1 (Howard et al., arXiv 1704.04861), in the form that P1 trains (gluon-cv's).

    224 px  stem      3x3/2 32                          32 x 112 x 112
            stage 1   64, 128/2, 128                   128 x  56 x  56
            stage 2   256/2, 256                       256 x  28 x  28
            stage 3   512/2, 512 x 5                   512 x  14 x  14
            stage 4   1024/2, 1024                    1024 x   7 x   7
            head      mean, linear                    num_classes

Each number is a depthwise 3 x 3 (with the stride, where one is given) and a 1 x 1 to that many
channels, with batch norm and plain ReLU after both. P2's SE-MobileNet is left out: where its
squeeze-and-excitation sits is not written down.
"""

from __future__ import annotations

from torch import Tensor, nn

from fasttricks.models.config import MobileNetConfig
from fasttricks.models.init import initialise, set_norms
from fasttricks.models.layers import chain, conv, relu
from fasttricks.models.pooling import mean_of_maps

STAGES = (
    ((64, 1), (128, 2), (128, 1)),
    ((256, 2), (256, 1)),
    ((512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)),
    ((1024, 2), (1024, 1)),
)
"""(channels, stride) of every pair of convolutions."""


class MobileNetV1(nn.Module):
    """Pictures `[B, 3, H, W]` to logits `[B, num_classes]`.

    4,231,976 parameters and 568.74 MMACs at width 1, 224 px, 1000 classes.
    """

    input_size = 224

    def __init__(self, config: MobileNetConfig) -> None:
        super().__init__()
        self.config = config
        channels = int(32 * config.width)
        self.stem = chain(
            conv=conv(3, channels, 3, stride=2), norm=nn.BatchNorm2d(channels), relu=relu()
        )
        self.stages = nn.ModuleList()
        reached, dilation = 2, 1
        strides = []
        for pairs in STAGES:
            stage = nn.Sequential()
            for full, stride in pairs:
                out = int(full * config.width)
                if reached * stride > config.output_stride:
                    # This layer still sees its input as it was; those behind it see it spread out.
                    stage.append(separable(channels, out, dilation=dilation))
                    dilation *= stride
                else:
                    stage.append(separable(channels, out, stride=stride, dilation=dilation))
                    reached *= stride
                channels = out
            self.stages.append(stage)
            strides.append(reached)
        self.stage_strides = tuple(strides)
        self.stage_channels = tuple(int(pairs[-1][0] * config.width) for pairs in STAGES)
        self.classifier = nn.Linear(channels, config.num_classes)
        set_norms(self, config)
        initialise(self, config.init, zero_gamma=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        logits: Tensor = self.classifier(mean_of_maps(x))
        return logits

    def features(self, x: Tensor) -> list[Tensor]:
        """The map after each stage: [B, stage_channels[i], H / stage_strides[i], W / ...]."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def separable(channels: int, out: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A depthwise 3 x 3 that looks around, then a 1 x 1 that mixes channels."""
    around = nn.Conv2d(
        channels, channels, 3, stride, dilation, dilation, groups=channels, bias=False
    )
    return chain(
        depthwise=around, norm1=nn.BatchNorm2d(channels), relu1=relu(),
        pointwise=conv(channels, out, 1), norm2=nn.BatchNorm2d(out), relu2=relu(),
    )  # fmt: skip
