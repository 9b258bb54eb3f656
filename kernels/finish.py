"""The last step of every pipeline: uint8 pictures to what the network eats, in one pass."""

from __future__ import annotations

import torch

from fasttricks.kernels import finish_numba, finish_torch

FORMS = {
    torch.float32: finish_numba.FLOAT32,
    torch.float16: finish_numba.FLOAT16,
    torch.bfloat16: finish_numba.BFLOAT16,
}


def finish(
    pixels: torch.Tensor,
    matrix: torch.Tensor,
    flip: torch.Tensor,
    dtype: torch.dtype = torch.float32,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """Flip, then y_c = A[c, :] . rgb + b[c]: colour, lighting and normalisation at once.

    Computed in float32, rounded once to `dtype`, nothing clamped. On the CPU one nogil numba kernel
    in the calling thread, on other devices torch operations, queued without waiting for them.

    Args:
        pixels: uint8 [B, H, W, 3], 0-255; B may be 0, samples may lie at any distance.
        matrix: float32 [B, 3, 4]: A and, as the last column, b (see `kernels.color`).
        flip: bool or uint8 [B]; where it is not 0 the picture is mirrored left-right.
        dtype: float32, float16 or bfloat16.
        out: written and returned if given: [B, 3, H, W], channels_last, of `dtype`.

    Returns:
        [B, 3, H, W] of `dtype`, channels_last, on `pixels.device`.

    Raises:
        ValueError: an argument is not as said here.
    """
    _check_inputs(pixels, matrix, flip, dtype)
    batch, height, width, _ = pixels.shape
    if out is None:
        interleaved = torch.empty((batch, height, width, 3), dtype=dtype, device=pixels.device)
        out = interleaved.permute(0, 3, 1, 2)
    else:
        _check_out(out, (batch, 3, height, width), dtype, pixels.device)
        interleaved = out.permute(0, 2, 3, 1)
    if pixels.numel() == 0:
        return out
    if pixels.device.type != "cpu":
        finish_torch.finish(pixels, matrix, flip, interleaved)
        return out
    if pixels.stride()[2:] != (3, 1):
        pixels = pixels.contiguous()
    bits = interleaved if dtype == torch.float32 else interleaved.view(torch.uint16)
    finish_numba.finish(
        pixels.numpy(),
        matrix.detach().contiguous().numpy(),
        flip.contiguous().view(torch.uint8).numpy(),
        bits.numpy(),
        FORMS[dtype],
        0,
        batch,
    )
    return out


def _check_inputs(
    pixels: torch.Tensor, matrix: torch.Tensor, flip: torch.Tensor, dtype: torch.dtype
) -> None:
    if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != torch.uint8:
        raise ValueError(f"finish: pixels must be uint8 [B, H, W, 3]; got {_describe(pixels)}")
    batch = pixels.shape[0]
    if matrix.shape != (batch, 3, 4) or matrix.dtype != torch.float32:
        raise ValueError(f"finish: matrix must be float32 [{batch}, 3, 4]; got {_describe(matrix)}")
    if flip.shape != (batch,) or flip.dtype not in (torch.bool, torch.uint8):
        raise ValueError(f"finish: flip must be bool or uint8 [{batch}]; got {_describe(flip)}")
    if not pixels.device == matrix.device == flip.device:
        devices = f"{pixels.device}, {matrix.device} and {flip.device}"
        raise ValueError(f"finish: pixels, matrix and flip must be on one device; got {devices}")
    if dtype not in FORMS:
        raise ValueError(f"finish: dtype must be one of {', '.join(map(str, FORMS))}; got {dtype}")


def _check_out(
    out: torch.Tensor, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
) -> None:
    fits = out.shape == shape and out.dtype == dtype and out.device == device
    if not (fits and out.is_contiguous(memory_format=torch.channels_last)):
        wanted = f"{dtype} {list(shape)} channels_last on {device}"
        raise ValueError(
            f"finish: out must be {wanted}; got {_describe(out)}, strides {out.stride()}, "
            f"on {out.device}"
        )


def _describe(tensor: torch.Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"
