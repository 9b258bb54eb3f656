"""Flip, colour, normalise and mix as torch operations: any device, no synchronisation."""

from __future__ import annotations

import torch

from fasttricks.kernels.mix.by_torch import mix_interleaved


def finish(
    pixels: torch.Tensor,
    matrix: torch.Tensor,
    flip: torch.Tensor,
    out: torch.Tensor,
    words: torch.Tensor | None = None,
    noise: bool = True,
) -> None:
    """Write y_c = A[c, :] . rgb + b[c] to `out`, mixed if `words` say so; computed in float32.

    Three fused multiply-adds over the batch that read uint8 directly. A matrix product would be
    fewer operations, but CUDA may carry it out in TF32, which keeps 10 bits of A.

    Args:
        pixels: uint8 [B_in, H, W, 3].
        matrix: float32 [B_in, 3, 4]: A and, as the last column, b.
        flip: bool or uint8 [B_in]; where it is not 0 the picture is mirrored left-right.
        out: float32, float16 or bfloat16 [B_out, H, W, 3], same device; written completely.
        words: int32 [B_out, WORDS], see `kernels.mix.description`; without, B_out is B_in.
        noise: see `mix.by_torch.mix_interleaved`.
    """
    direct = words is None and out.dtype == torch.float32
    exact = out if direct else torch.empty_like(pixels, dtype=torch.float32)
    _finish(pixels, matrix, flip, exact)
    if words is not None:
        exact = mix_interleaved(exact, words, noise)
    if not direct:
        out.copy_(exact)


def _finish(
    pixels: torch.Tensor, matrix: torch.Tensor, flip: torch.Tensor, out: torch.Tensor
) -> None:
    batch, height, width, _ = pixels.shape
    forward = torch.arange(width, device=pixels.device)
    columns = torch.where(flip.bool()[:, None], width - 1 - forward, forward)
    index = columns[:, None, :, None].expand(batch, height, width, 3)
    picture = pixels.gather(2, index)
    by_input = matrix[:, None, None].unbind(-1)  # what red, green, blue and 1 are multiplied with
    torch.addcmul(by_input[3], picture[..., 0:1], by_input[0], out=out)
    out.addcmul_(picture[..., 1:2], by_input[1])
    out.addcmul_(picture[..., 2:3], by_input[2])
