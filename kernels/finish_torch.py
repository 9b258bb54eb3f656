"""Flip, colour and normalise as torch operations: any device, no synchronisation with the host."""

from __future__ import annotations

import torch


def finish(
    pixels: torch.Tensor, matrix: torch.Tensor, flip: torch.Tensor, out: torch.Tensor
) -> None:
    """Write y_c = A[c, :] . rgb + b[c] to `out`, nothing clamped; computed in float32.

    Three fused multiply-adds over the batch that read uint8 directly. A matrix product would be
    fewer operations, but CUDA may carry it out in TF32, which keeps 10 bits of A.

    Args:
        pixels: uint8 [B, H, W, 3].
        matrix: float32 [B, 3, 4]: A and, as the last column, b.
        flip: bool or uint8 [B]; where it is not 0 the picture is mirrored left-right.
        out: float32, float16 or bfloat16 [B, H, W, 3], same device; written completely.
    """
    batch, height, width, _ = pixels.shape
    forward = torch.arange(width, device=pixels.device)
    columns = torch.where(flip.bool()[:, None], width - 1 - forward, forward)
    index = columns[:, None, :, None].expand(batch, height, width, 3)
    picture = pixels.gather(2, index)
    by_input = matrix[:, None, None].unbind(-1)  # what red, green, blue and 1 are multiplied with
    exact = out if out.dtype == torch.float32 else torch.empty_like(out, dtype=torch.float32)
    torch.addcmul(by_input[3], picture[..., 0:1], by_input[0], out=exact)
    exact.addcmul_(picture[..., 1:2], by_input[1])
    exact.addcmul_(picture[..., 2:3], by_input[2])
    if exact is not out:
        out.copy_(exact)
