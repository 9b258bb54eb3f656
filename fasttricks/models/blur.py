"""Downsampling behind a fixed blur, so that a shifted picture gives (nearly) shifted features.

Source: "Making Convolutional Networks Shift-Invariant Again" (arXiv 1904.11486); "Assembled CNN"
(P2, arXiv 2001.06268, section 3.1.3) uses filter size 3 behind the strided 3 x 3 convolutions.
"""

from __future__ import annotations

from itertools import pairwise
from math import comb

import torch
from torch import Tensor, nn
from torch.nn import functional

LARGEST_FILTER = 7


class BlurPool(nn.Module):
    """Binomial blur with reflected edges, then every `stride`-th pixel, each channel by itself.

    [B, C, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)], same dtype and layout. A constant
    map stays as it is, up to its edges. Even filters reach one pixel further right and down.

    A map smaller than the filter's reach is mirrored as often as it takes (the mirrors repeat with
    period 2 * (H - 1)); one single row or column just repeats.

    The filter is a buffer outside the state dict: not learned, in every model alike. A model built
    on the meta device gets it back from `reset_parameters` (`initialise` calls that).

    Args:
        channels: C.
        filter_size: 1 (a plain stride) to 7 pixels a side; ValueError for others.
        stride: at least 1.
    """

    kernel: Tensor

    def __init__(self, channels: int, filter_size: int = 3, stride: int = 2) -> None:
        super().__init__()
        if not 1 <= filter_size <= LARGEST_FILTER:
            raise ValueError(f"filter_size={filter_size}: allowed are 1 to {LARGEST_FILTER}")
        if stride < 1:
            raise ValueError(f"stride={stride}: allowed are whole numbers from 1")
        self.channels = channels
        self.filter_size = filter_size
        self.stride = stride
        shape = (channels, 1, filter_size, filter_size)
        self.register_buffer("kernel", torch.empty(shape), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the filter into its buffer."""
        self.kernel.copy_(binomial_filter(self.filter_size).expand_as(self.kernel))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        padded = x_BCHW
        for dim in (2, 3):
            padded = mirror_edges(padded, dim, self.filter_size, self.stride)
        kernel = self.kernel.to(x_BCHW.dtype)
        out: Tensor = functional.conv2d(padded, kernel, stride=self.stride, groups=self.channels)
        return out.to(x_BCHW.dtype)  # autocast may have blurred a float32 map in less

    def extra_repr(self) -> str:
        return f"{self.channels}, filter_size={self.filter_size}, stride={self.stride}"


def binomial_filter(size: int) -> Tensor:
    """[size, size] float32, sum 1: the outer square of Pascal's row `size`.

    Up to size 7 all values are exact in bfloat16 and float16, too.
    """
    row = torch.tensor([comb(size - 1, k) for k in range(size)], dtype=torch.float32)
    return torch.outer(row, row) / row.sum() ** 2


def mirror_edges(x_BCHW: Tensor, dim: int, filter_size: int, stride: int) -> Tensor:
    """`x_BCHW` extended along `dim` as far as windows around every `stride`-th pixel reach.

    Not `functional.pad(mode="reflect")`: on CUDA that leaves channels_last, and its gradient is
    not deterministic; nor does it go beyond one mirroring.
    """
    size = x_BCHW.shape[dim]
    before = (filter_size - 1) // 2
    last_start = (size - 1) // stride * stride - before
    after = max(0, last_start + filter_size - size)
    outside = [*range(-before, 0), *range(size, size + after)]
    if not outside:
        return x_BCHW
    # The map is split at the lines that are used twice, instead of slicing them out: the gradient
    # of a slice is a map of zeros around it, in NCHW; that of a split is one concatenation.
    sources = [_mirrored(index, size) for index in outside]
    cuts = sorted({0, size, *sources, *(line + 1 for line in sources)})
    pieces = x_BCHW.split_with_sizes([end - start for start, end in pairwise(cuts)], dim)
    piece_at = dict(zip(cuts, pieces, strict=False))
    lines = [piece_at[line] for line in sources]
    return torch.cat([*lines[:before], *pieces, *lines[before:]], dim)


def _mirrored(index: int, size: int) -> int:
    """The pixel that stands at `index` when a row of `size` pixels is mirrored at both ends."""
    if size == 1:
        return 0
    period = 2 * (size - 1)
    return min(index % period, -index % period)
