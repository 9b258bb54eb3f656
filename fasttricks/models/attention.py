"""Attention over channels: squeeze-and-excitation, and selective kernels that also choose a scale.

Both squeeze a map to one number a channel by its mean, pass that through two small layers and scale
channels by the result. Sources: SE arXiv 1709.01507; SK arXiv 1903.06586; both as "Assembled CNN"
(P2, arXiv 2001.06268, section 3.1.2) uses them. B batch, C channels, H and W the map.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fasttricks.models.pooling import mean_of_maps

ORIGINAL_GROUPS = 32
ORIGINAL_DILATION = 2


class SqueezeExcite(nn.Module):
    """x * sigmoid(W2 relu(W1 mean(x))): [B, C, H, W] -> the same shape, dtype and layout.

    Stands last in a residual branch, before the addition.

    Args:
        channels: C.
        ratio: the hidden layer has C // ratio units; ValueError where that is none.
        bias: biases in both layers, as in SENet; the code of P1 and of P2 has none.
    """

    def __init__(self, channels: int, ratio: int = 16, bias: bool = False) -> None:
        super().__init__()
        if channels < ratio:
            raise ValueError(f"ratio={ratio}: at most the {channels} channels of this layer")
        hidden = channels // ratio
        self.squeeze = nn.Linear(channels, hidden, bias=bias)
        self.excite = nn.Linear(hidden, channels, bias=bias)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        mean_BC = mean_of_maps(x_BCHW)
        hidden = functional.relu(self.squeeze(mean_BC))
        gate_BC = torch.sigmoid(self.excite(hidden))
        return x_BCHW * gate_BC[:, :, None, None]


class SelectiveKernel(nn.Module):
    """Two branches U1 and U2, mixed channel by channel with weights that sum to 1 (P2 figure 3).

    Replaces a convolution with its batch norm and ReLU:
    [B, in_channels, H, W] -> [B, channels, ceil(H / stride), ceil(W / stride)], all >= 0, in the
    dtype and layout that the convolution gives. What comes after the fusion (DropBlock, a blur)
    stands outside.

        z   = ReLU(BN(W1 mean(U1 + U2)))
        a   = softmax over the two branches of W2 z
        out = a1 * U1 + a2 * U2

    Args:
        in_channels, channels: of the input; of the output and of each branch.
        stride, dilation: of the convolutions in the branches.
        kind: `"dagger"`, P2's: one ungrouped 3 x 3 convolution makes both branches. `"original"`,
            SKNet's: 3 x 3 and 3 x 3 with twice the dilation (in the stead of 5 x 5), in 32 groups;
            `channels` is then twice a plain bottleneck's width, and `ratio` 16.
        ratio, least: z has max(channels // ratio, least) units.

    Raises:
        ValueError: an unknown kind; channels of the original not in 32 equal groups; in training,
            from the batch norm of z, a batch of one picture.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        kind: Literal["dagger", "original"] = "dagger",
        ratio: int = 2,
        least: int = 32,
    ) -> None:
        super().__init__()
        self.branches: nn.Module
        if kind == "dagger":
            self.branches = _convolution(in_channels, 2 * channels, stride, dilation)
        elif kind == "original":
            self.branches = _TwoDilations(in_channels, channels, stride, dilation)
        else:
            raise ValueError(f"kind={kind!r}: allowed are 'dagger', 'original'")
        hidden = max(channels // ratio, least)
        self.squeeze = nn.Linear(channels, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.select = nn.Linear(hidden, 2 * channels, bias=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        both: Tensor = self.branches(x_BCHW)
        u1_BCHW, u2_BCHW = both.chunk(2, dim=1)
        share_BC = self._share_of_first(both)
        # a1 * U1 + (1 - a1) * U2 in one pass over the maps.
        return torch.lerp(u2_BCHW, u1_BCHW, share_BC[:, :, None, None])

    def _share_of_first(self, both: Tensor) -> Tensor:
        """[B, 2C, H, W] -> a1 [B, C]; a2 is 1 - a1."""
        # The mean of U1 + U2 is the sum of their means: the maps themselves need no adding.
        mean1_BC, mean2_BC = mean_of_maps(both).chunk(2, dim=1)
        z = functional.relu(self.norm(self.squeeze(mean1_BC + mean2_BC)))
        logit1_BC, logit2_BC = self.select(z).chunk(2, dim=1)
        # Softmax over two is the sigmoid of their difference.
        return torch.sigmoid(logit1_BC - logit2_BC).to(both.dtype)


class _TwoDilations(nn.Module):
    """SKNet's branches, one after the other in the channels: [B, in, H, W] -> [B, 2C, ., .]."""

    def __init__(self, in_channels: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        groups = ORIGINAL_GROUPS
        if in_channels % groups or channels % groups:
            raise ValueError(
                f"channels={channels} (from {in_channels}): allowed are multiples of the {groups} "
                "groups of an original selective kernel"
            )
        wide = ORIGINAL_DILATION * dilation
        self.near = _convolution(in_channels, channels, stride, dilation, groups)
        self.far = _convolution(in_channels, channels, stride, wide, groups)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return torch.cat([self.near(x_BCHW), self.far(x_BCHW)], dim=1)


def _convolution(
    in_channels: int, channels: int, stride: int, dilation: int, groups: int = 1
) -> nn.Sequential:
    """3 x 3 convolution, batch norm, ReLU."""
    conv = nn.Conv2d(
        in_channels, channels, 3, stride, dilation, dilation=dilation, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
