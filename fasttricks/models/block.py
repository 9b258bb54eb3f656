"""The residual blocks and the groups that they form (P1 figures 1 and 2).

A block is `ReLU(path A + path B)`; path B is in shortcut.py. Where the options stand in path A:

    bottleneck   1 x 1 - norm - drop - ReLU
                 3 x 3 - norm - drop - ReLU - blur      or   selective kernel - drop - blur
                 1 x 1 - norm - drop - SE
    basic        3 x 3 - norm - drop - ReLU - blur
                 3 x 3 - norm - drop - SE
"""

from __future__ import annotations

from torch import Tensor, nn

from fasttricks.models.attention import SelectiveKernel
from fasttricks.models.config import BOTTLENECK_DEPTHS, SK, ResNetConfig
from fasttricks.models.layers import Options, chain, conv, relu
from fasttricks.models.shortcut import make_shortcut

STAGE_WIDTHS = (64, 128, 256, 512)


class Block(nn.Module):
    """[B, C, H, W] -> ReLU(path A + path B), the ReLU left out where the caller adds first."""

    def __init__(self, path_a: nn.Sequential, path_b: nn.Module, *, last_relu: bool = True) -> None:
        super().__init__()
        self.path_a = path_a
        self.path_b = path_b
        self.relu = relu() if last_relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.path_a(x)
        y += self.path_b(x)
        out: Tensor = self.relu(y)
        return out

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The batch norm whose gamma starts at zero under `zero_gamma`."""
        return [step for step in self.path_a if isinstance(step, nn.BatchNorm2d)][-1]


def make_group(
    options: Options,
    in_channels: int,
    width: int,
    count: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    last_relu: bool = True,
) -> nn.Sequential:
    """`count` blocks of one width; the first has the stride and, where needed, the projection.

    [B, in_channels, H, W] -> [B, group_channels(config, width), ceil(H / stride), ceil(W / stride)]

    A dilated group stands in for a strided one and computes what that does, at more places: up to
    the convolution that would stride its input is half as dilated (P1 section 6.2).
    """
    path = bottleneck_path if has_bottlenecks(options.config) else basic_path
    out_channels = group_channels(options.config, width)
    blocks = nn.Sequential()
    for index in range(count):
        if index == 0:
            dilations = (max(1, dilation // 2), dilation)
            path_a = path(options, in_channels, width, stride=stride, dilations=dilations)
            path_b = make_shortcut(options, in_channels, out_channels, stride)
        else:
            dilations = (dilation, dilation)
            path_a = path(options, out_channels, width, stride=1, dilations=dilations)
            path_b = nn.Identity()
        blocks.append(Block(path_a, path_b, last_relu=last_relu or index < count - 1))
    return blocks


def bottleneck_path(
    options: Options, in_channels: int, width: int, *, stride: int, dilations: tuple[int, int]
) -> nn.Sequential:
    """1 x 1, 3 x 3, 1 x 1; the original strides its first convolution, B, C and D their second.

    `dilations`: up to and including the convolution that has, or had, the stride; behind it.
    """
    config, out_channels = options.config, group_channels(options.config, width)
    if isinstance(config.attention, SK) and config.attention.kind == "original":
        width *= 2
    with_stride, behind_stride = dilations
    if config.variant == "original":
        stride1, stride2, dilation = stride, 1, behind_stride
    else:
        stride1, stride2, dilation = 1, stride, with_stride
    blur = options.blur("sconv", width, stride2)
    middle = spatial(options, width, stride=1 if blur else stride2, dilation=dilation)
    return chain(
        conv1=conv(in_channels, width, 1, stride=stride1),
        norm1=nn.BatchNorm2d(width), drop1=options.drop(), relu1=relu(),
        **middle, blur=blur,
        conv3=conv(width, out_channels, 1),
        norm3=nn.BatchNorm2d(out_channels), drop3=options.drop(), se=options.excite(out_channels),
    )  # fmt: skip


def spatial(
    options: Options, width: int, *, stride: int, dilation: int
) -> dict[str, nn.Module | None]:
    """The middle of a bottleneck: a 3 x 3 or a selective kernel, which norms and gates itself."""
    attention = options.config.attention
    if isinstance(attention, SK):
        select = SelectiveKernel(
            width, width, stride=stride, dilation=dilation,
            kind=attention.kind, ratio=attention.ratio, least=attention.least,
        )  # fmt: skip
        return {"select": select, "drop2": options.drop()}
    return {
        "conv2": conv(width, width, 3, stride=stride, dilation=dilation),
        "norm2": nn.BatchNorm2d(width), "drop2": options.drop(), "relu2": relu(),
    }  # fmt: skip


def basic_path(
    options: Options, in_channels: int, width: int, *, stride: int, dilations: tuple[int, int]
) -> nn.Sequential:
    """Two 3 x 3 convolutions, one for each of the `dilations`; all variants stride the first."""
    blur = options.blur("sconv", width, stride)
    stride1 = 1 if blur else stride
    return chain(
        conv1=conv(in_channels, width, 3, stride=stride1, dilation=dilations[0]),
        norm1=nn.BatchNorm2d(width), drop1=options.drop(), relu1=relu(), blur=blur,
        conv2=conv(width, width, 3, dilation=dilations[1]),
        norm2=nn.BatchNorm2d(width), drop2=options.drop(), se=options.excite(width),
    )  # fmt: skip


def has_bottlenecks(config: ResNetConfig) -> bool:
    """Depths 50 and above have bottlenecks, 18 and 34 basic blocks."""
    return config.depth in BOTTLENECK_DEPTHS


def stage_widths(config: ResNetConfig) -> tuple[int, ...]:
    """The widths of the four stages of this network."""
    return tuple(int(width * config.width) for width in STAGE_WIDTHS)


def group_channels(config: ResNetConfig, width: int) -> int:
    """Channels that a group of this width puts out."""
    return 4 * width if has_bottlenecks(config) else width
