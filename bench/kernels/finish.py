"""The finish: flip, colour, normalise, cast and layout of a batch in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

from fasttricks.bench.kernels import chains
from fasttricks.bench.kernels.case import Case, Scale, Way
from fasttricks.kernels import reference
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.color import color_matrix
from fasttricks.kernels.finish import finish

AUGMENT = Augment()
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
CHECKED = 2
"""Pictures whose reference is computed; in float64 a whole batch takes long."""


class Batch(NamedTuple):
    """Pictures as a pipeline hands them to the finish."""

    pixels: torch.Tensor
    """uint8 [B, size, size, 3]"""
    matrix: torch.Tensor
    """float32 [B, 3, 4]"""
    flip: torch.Tensor
    """bool [B]"""
    out: torch.Tensor
    """[B, 3, size, size], channels_last"""


def make_batch(seed: int, scale: Scale, dtype: torch.dtype) -> Batch:
    """Random pixels, colours as in training, half of the pictures mirrored."""
    count, size, device = scale.batch_size, scale.size, scale.device
    generator = torch.Generator(device).manual_seed(seed)
    shape = count, size, size, 3
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, device=device, generator=generator)
    rng = np.random.default_rng(seed)
    matrix = np.empty((count, 3, 4), np.float32)
    for one in matrix:
        light = tuple(rng.normal(0, 0.1, 3))
        color_matrix(*rng.uniform(0.6, 1.4, 3), light, AUGMENT.mean, AUGMENT.std, one)
    return Batch(
        pixels=pixels,
        matrix=torch.from_numpy(matrix).to(device),
        flip=torch.from_numpy(rng.random(count) < 0.5).to(device),
        # Written, so that its pages are there.
        out=torch.zeros(shape, dtype=dtype, device=device).permute(0, 3, 1, 2),
    )


def cases(scale: Scale) -> Iterator[Case]:
    """One for each dtype."""
    for dtype in DTYPES:
        yield case(scale, dtype)


def case(scale: Scale, dtype: torch.dtype) -> Case:
    """All of `finish`, against the chains that people use for it."""
    count, size = scale.batch_size, scale.size

    def expected(batch: Batch) -> Any:
        first = (part[:CHECKED].cpu().numpy() for part in batch[:3])
        return reference.finish(*first)

    return Case(
        name=f"finish {count} x {size} x {size} to {str(dtype).removeprefix('torch.')}",
        nbytes=count * size * size * 3 * (1 + dtype.itemsize),
        make=lambda seed: make_batch(seed, scale, dtype),
        reference=expected,
        rtol=torch.finfo(dtype).eps,
        atol=1e-4,
        ways=(*ours(scale, dtype), *chains.chains(scale, dtype)),
    )


def ours(
    scale: Scale, dtype: torch.dtype, mix: torch.Tensor | None = None, noise: bool = False
) -> Iterator[Way]:
    """What pipelines call on the device, and on a GPU the same by torch operations."""

    def way(name: str, backend: str) -> Way:
        return Way(
            name=name,
            call=lambda batch: finish(
                batch.pixels,
                batch.matrix,
                batch.flip,
                dtype,
                batch.out,
                mix,
                noise=noise,
                checked=True,
                backend=backend,
            ),
        )

    yield way("fasttricks", "auto")
    if scale.device.type == "cuda":
        yield way("fasttricks torch", "torch")
