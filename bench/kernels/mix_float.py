"""`fasttricks.mix` of a trainer's finished float pictures, with its drawing, as a step calls it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from fasttricks.bench.kernels import finish
from fasttricks.bench.kernels.case import Case, Scale, Way
from fasttricks.bench.kernels.mix_chains import TORCH, torchvision_mixer
from fasttricks.bench.kernels.mixing import CHECKED, KINDS, pixels_read
from fasttricks.kernels import reference
from fasttricks.kernels.mix import targets as mixed

NAMES = "mixup", "cutmix"
"""Kinds that torchvision mixes in batches, too."""


def cases(scale: Scale) -> Iterator[Case]:
    """One for each kind of mix and dtype."""
    for name in NAMES:
        for dtype in finish.DTYPES:
            yield case(scale, dtype, name)


def case(scale: Scale, dtype: torch.dtype, name: str) -> Case:
    """The same draw in every call, so that all ways that are told it can be compared."""
    count, size, kind = scale.batch_size, scale.size, KINDS[name]
    shape, generator = torch.Size((count, 3, size, size)), torch.Generator()
    labels = torch.zeros(count, dtype=torch.int64, device=scale.device)
    mixes = mixed.drawn((kind,), shape, generator.manual_seed(0)).mixes
    told = TORCH[name](mixes, scale.device)

    def make(seed: int) -> torch.Tensor:
        drawn = torch.Generator(scale.device).manual_seed(seed)
        images = torch.randn(shape, generator=drawn, device=scale.device)
        return images.to(dtype, memory_format=torch.channels_last)

    def expected(images: torch.Tensor) -> Any:
        return reference.mix(images.double().cpu().numpy(), mixes[:CHECKED])

    return Case(
        name=f"mix alone {name} {count} x {size} x {size} {str(dtype).removeprefix('torch.')}",
        nbytes=3 * dtype.itemsize * (pixels_read(mixes, size, size) + count * size * size),
        make=make,
        reference=expected,
        rtol=torch.finfo(dtype).eps,
        atol=1e-5,
        ways=(
            Way(
                name="fasttricks",
                call=lambda images: mixed.mix(images, labels, kind, generator.manual_seed(0))[0],
            ),
            Way(
                name="torch",
                call=lambda images: told(images).to(dtype),
                differs="" if dtype == torch.float32 else "blends in float32, in several tensors",
            ),
            Way(
                name="torchvision v2",
                call=torchvision_mixer(scale, name),
                differs="one draw for the whole batch, labels as rows of 1000 classes",
            ),
        ),
        # On a CPU the other types differ as they do in the finish alone.
        usual=dtype == torch.float32 or scale.device.type == "cuda",
    )
