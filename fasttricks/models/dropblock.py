"""DropBlock: training drops whole squares of a feature map (arXiv 1810.12890).

"Assembled CNN" (P2, arXiv 2001.06268, section 3.2.4) drops in the last two stages, behind every
batch norm, while the share kept goes linearly from 1 to 0.9 over the whole training.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fasttricks.models.config import Mask


class DropBlock2d(nn.Module):
    """Zeroes random squares and scales up the rest, in training only; else the identity.

    [B, C, H, W] -> the same shape, dtype and layout. A square starts at each place where it lies
    inside the map with probability `seed_probability`; squares may overlap. What is left is divided
    by its share of the mask, so a constant map keeps its mean (all zero if nothing is left).

    How much is kept is a number on the device, `keep` (float32, 1 at first: nothing is dropped).
    `set_keep` changes it in place, which neither recompiles nor waits for the device.

    Args:
        scale: share of 1 - keep that this layer drops, 0 to 1.
        block_size: side of the squares; at most the map's shorter side is used.
        mask: `"channel"`: one mask per sample and channel; `"batch"`: per channel, shared by the
            batch (P2's code); `"sample"`: per sample, shared by its channels (timm).
    """

    keep: Tensor

    def __init__(
        self,
        scale: float,
        block_size: int = 7,
        mask: Mask = "channel",
    ) -> None:
        super().__init__()
        self.scale = scale
        self.block_size = block_size
        self.mask = mask
        self.register_buffer("keep", torch.ones((), dtype=torch.float32))

    def reset_parameters(self) -> None:
        """Keep everything, as at the start."""
        self.keep.fill_(1.0)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if not self.training:
            return x_BCHW
        kept = self._draw_mask(x_BCHW)
        share = kept.sum().clamp(min=1) / kept.numel()
        return x_BCHW * kept / share

    def _draw_mask(self, x_BCHW: Tensor) -> Tensor:
        """True where x is kept: bool, of x's shape or one that broadcasts to it."""
        batch, channels, height, width = x_BCHW.shape
        block = min(self.block_size, height, width)
        starts = (height - block + 1, width - block + 1)
        drop = self.scale * (1 - self.keep.float())
        probability = seed_probability(drop, (height, width), block)
        drawn = torch.rand(
            1 if self.mask == "batch" else batch,
            *starts,
            1 if self.mask == "sample" else channels,
            device=x_BCHW.device,
        )
        seedless = (drawn >= probability).permute(0, 3, 1, 2)  # channels_last
        if starts == (1, 1):
            return seedless  # the square is the map
        return all_under_squares(seedless, block)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, block_size={self.block_size}, mask={self.mask!r}"


def seed_probability(drop: Tensor, size: tuple[int, int], block: int) -> Tensor:
    """How likely a square starts at a place, so that about the share `drop` of the map is dropped.

    The paper's gamma: drop / block^2, times pixels per place where a square can start.
    """
    height, width = size
    starts = (height - block + 1) * (width - block + 1)
    return drop * (height * width / (block * block * starts))


def all_under_squares(seedless_BChw: Tensor, block: int) -> Tensor:
    """Whether no square covers a pixel: bool [B, C, h, w] of starts -> [B, C, h + block - 1, ...].

    Squares have their start as upper left corner. Each axis on its own, doubling the reach: three
    passes over bytes for block 7, where max pooling reads 49 values and writes int64 indices.
    """
    reach = block - 1
    kept = functional.pad(seedless_BChw, (reach, reach, reach, reach), value=True)
    for dim in (2, 3):
        covered = 1
        while covered < block:
            step = min(covered, block - covered)
            length = kept.shape[dim] - step
            kept = kept.narrow(dim, 0, length) & kept.narrow(dim, step, length)
            covered += step
    return kept


def set_keep(model: nn.Module, keep: float) -> int:
    """Set the share kept in every DropBlock of `model`, in place; returns how many there are.

    Raises:
        ValueError: keep is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep={keep}: allowed are numbers above 0, up to 1")
    keeps = [module.keep for module in model.modules() if isinstance(module, DropBlock2d)]
    if keeps:  # two small launches on a GPU, however many layers there are
        torch._foreach_zero_(keeps)
        torch._foreach_add_(keeps, keep)
    return len(keeps)
