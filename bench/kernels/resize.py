"""Resizing one picture on the CPU out of memory, as the `resident` pipeline does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import PIL
import torch
from numpy.typing import NDArray
from PIL import Image

from fasttricks.bench.kernels.case import Case, Scale, Way
from fasttricks.kernels import reference
from fasttricks.kernels.augment import INTERPOLATIONS
from fasttricks.kernels.resize import resize, scratch_bytes

BOXES = ((300, 290), (1200, 900), (100, 80))
"""(width, height): a usual crop, a large one, and one that is enlarged."""
SHADES = 64, 192
"""Range of levels: no filter overshoots 0..255, which PIL and torch clip earlier than we do."""


class Crop(NamedTuple):
    """A picture, and where it goes. Both uint8 [height, width, 3]."""

    box: NDArray[np.uint8]
    out: NDArray[np.uint8]


def cases(scale: Scale) -> Iterator[Case]:
    """One for each of BOXES and filter; none on a GPU, where decoders resize."""
    if scale.device.type == "cpu":
        for interpolation in INTERPOLATIONS:
            for width, height in BOXES:
                yield case(height, width, scale.size, interpolation)


def case(height: int, width: int, size: int, interpolation: str = "bilinear") -> Case:
    """From height x width to size x size."""
    number = INTERPOLATIONS.index(interpolation)
    resampling = Image.Resampling[interpolation.upper()]
    scratch = np.empty(scratch_bytes(height, width, size, size), np.uint8)

    def make(seed: int) -> Crop:
        box = np.random.default_rng(seed).integers(*SHADES, (height, width, 3), np.uint8)
        return Crop(box, np.zeros((size, size, 3), np.uint8))

    def ours(crop: Crop) -> NDArray[np.uint8]:
        grid, origin = (size, size), (0, 0)
        resize(
            crop.box, 0, 0, height, width, *grid, *origin, 0, number, crop.out, scratch, cold=True
        )
        return crop.out

    def pil(picture: Image.Image) -> Image.Image:
        return picture.resize((size, size), resampling)

    def torch_uint8(planes: torch.Tensor) -> torch.Tensor:
        grid = size, size
        out = torch.nn.functional.interpolate(planes, grid, mode=interpolation, antialias=True)
        return out[0].permute(1, 2, 0)

    return Case(
        name=f"resize {width} x {height} to {size} x {size}" + ", bicubic" * number,
        nbytes=3 * (height * width + size * size),
        make=make,
        reference=lambda crop: reference.resize(
            crop.box, (size, size), interpolation=interpolation
        ),
        rtol=0,
        atol=1.25,  # all of them round, some between the axes as well
        ways=(
            Way(name="fasttricks", call=ours),
            Way(
                name="pillow-simd" if "post" in PIL.__version__ else "Pillow",
                call=pil,
                prepare=lambda crop: Image.fromarray(crop.box),
            ),
            Way(
                name="torch interpolate",
                call=torch_uint8,
                prepare=lambda crop: torch.from_numpy(crop.box).permute(2, 0, 1)[None],
            ),
        ),
    )
