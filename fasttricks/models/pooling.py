"""The mean of each map, whose gradient is in channels_last where the maps are."""

from __future__ import annotations

from torch import Tensor


def mean_of_maps(x_BCHW: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, C], in x's dtype; copies nothing if x is in channels_last.

    The gradient of `x.mean((2, 3))`, and of `nn.AdaptiveAvgPool2d(1)`, is as large as x but lies in
    NCHW: the ReLU behind it then reads two layouts, on a CPU ten times as slowly. Reduced as
    [B, H * W, C], the gradient is laid out like x.
    """
    return x_BCHW.permute(0, 2, 3, 1).flatten(1, 2).mean(1)
