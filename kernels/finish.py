"""The last step of every pipeline: uint8 pictures to what the network eats, in one pass."""

from __future__ import annotations

import os
from importlib.util import find_spec

import torch

from fasttricks.kernels import finish_numba, finish_torch
from fasttricks.kernels.mix import by_torch
from fasttricks.kernels.mix.description import check, from_words

FORMS = {
    torch.float32: finish_numba.FLOAT32,
    torch.float16: finish_numba.FLOAT16,
    torch.bfloat16: finish_numba.BFLOAT16,
}

BACKENDS = ("auto", "numba", "torch", "triton")


def finish(
    pixels: torch.Tensor,
    matrix: torch.Tensor,
    flip: torch.Tensor,
    dtype: torch.dtype = torch.float32,
    out: torch.Tensor | None = None,
    mix: torch.Tensor | None = None,
    *,
    noise: bool = True,
    checked: bool = False,
    backend: str = "auto",
) -> torch.Tensor:
    """Flip, then y_c = A[c, :] . rgb + b[c]: colour, lighting and normalisation; then mix.

    Computed in float32, rounded once to `dtype`, nothing clamped. On the CPU in the calling thread
    without the GIL, on other devices queued on the current stream without waiting for it.

    Args:
        pixels: uint8 [B_in, H, W, 3], 0-255; B_in may be 0, samples may lie at any distance.
        matrix: float32 [B_in, 3, 4]: A and, as the last column, b (see `kernels.color`).
        flip: bool or uint8 [B_in]; where it is not 0 the picture is mirrored left-right.
        dtype: float32, float16 or bfloat16.
        out: written and returned if given: [B_out, 3, H, W], channels_last, of `dtype`.
        mix: int32 [B_out, WORDS], what each output is made of (see `kernels.mix.description`);
            None mixes nothing. Its numbers are checked on the CPU; for other devices call its
            `check` before they are sent, as looking at them there would mean to wait.
        noise: False promises that no patch of `mix` has noise: the GPU kernel is compiled without
            it.
        checked: True promises that `mix` is valid, as what `plan_mix` draws always is.
        backend: numba (CPU), triton (CUDA), torch (any device); auto: numba on the CPU, triton on
            CUDA, torch elsewhere.

    Returns:
        [B_out, 3, H, W] of `dtype`, channels_last, on `pixels.device`.

    Raises:
        ValueError: an argument is not as said here, or Triton is needed and not installed.
    """
    _check_tensors(pixels=pixels, matrix=matrix, flip=flip, out=out, mix=mix)
    _check_inputs(pixels, matrix, flip, dtype)
    backend = choose(backend, pixels.device)
    batch, height, width, _ = pixels.shape
    if mix is not None:
        by_torch.check_words(mix, pixels.device, "finish")
        batch = len(mix)
        if mix.device.type == "cpu" and not checked:
            check(from_words(mix.numpy()), *pixels.shape[:3])
    if out is None:
        interleaved = torch.empty((batch, height, width, 3), dtype=dtype, device=pixels.device)
        out = interleaved.permute(0, 3, 1, 2)
    else:
        _check_out(out, (batch, 3, height, width), dtype, pixels.device)
        interleaved = out.permute(0, 2, 3, 1)
    if interleaved.numel() == 0:
        return out
    if backend != "torch" and pixels.stride()[2:] != (3, 1):
        pixels = pixels.contiguous()
    if backend == "numba":
        _by_numba(pixels, matrix, flip, interleaved, mix)
    elif backend == "torch":
        finish_torch.finish(pixels, matrix, flip, interleaved, mix, noise)
    else:
        from fasttricks.kernels import finish_triton

        finish_triton.finish(pixels, matrix, flip, interleaved, mix, noise)
    return out


def _by_numba(
    pixels: torch.Tensor,
    matrix: torch.Tensor,
    flip: torch.Tensor,
    out: torch.Tensor,
    mix: torch.Tensor | None,
) -> None:
    bits = out if out.dtype == torch.float32 else out.view(torch.uint16)
    inputs = (
        pixels.numpy(),
        matrix.detach().contiguous().numpy(),
        flip.contiguous().view(torch.uint8).numpy(),
    )
    target = bits.numpy(), FORMS[out.dtype], 0, len(out)
    if mix is None:
        finish_numba.finish(*inputs, *target)
    else:
        finish_numba.finish_mixed(*inputs, from_words(mix.numpy()), *target)


def choose(name: str, device: torch.device) -> str:
    """The backend that finishes pictures on `device`, or a ValueError that says why none does."""
    if name not in BACKENDS:
        raise ValueError(f"finish: backend must be one of {', '.join(BACKENDS)}; got {name!r}")
    if name == "auto":
        name = {"cpu": "numba", "cuda": "triton"}.get(device.type, "torch")
    if name == "numba" and device.type != "cpu":
        raise ValueError(f"finish: backend numba runs on the CPU; the pixels are on {device}")
    if name == "triton":
        if find_spec("triton") is None:
            raise ValueError(
                "finish: on CUDA it needs Triton, which is not installed: pip install triton "
                '(or choose the slower backend="torch")'
            )
        if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
            raise ValueError(f"finish: backend triton runs on CUDA; the pixels are on {device}")
    return name


def _check_tensors(**given: torch.Tensor | None) -> None:
    for name, value in given.items():
        if not isinstance(value, torch.Tensor) and (
            value is not None or name not in ("out", "mix")
        ):
            raise ValueError(f"finish: {name} must be a torch.Tensor; got {type(value).__name__}")


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
    if out.requires_grad:
        raise ValueError("finish: out is written, so it must not require gradients")


def _describe(tensor: torch.Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}"
