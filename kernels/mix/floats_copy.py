"""The part of mixing float pictures that is copying, for all dtypes: bits go from place to place.

A call of torch for each rectangle would take longer than the rectangle where pictures are small.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.mix.description import CONSTANT, Mixes

_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}

Planes = NDArray[Any]
"""[B, planes, H, numbers of a row]: one plane where channels are interleaved, else one each."""


def copy_own_and_first(images: torch.Tensor, out: torch.Tensor, mixes: Mixes) -> NDArray[np.int64]:
    """Write the own picture, and those of the first patches that only copy, to `out`.

    An own picture of which nothing will be seen is left out.

    Args:
        images: floats [B_in, C, H, W], contiguous in either memory format.
        out: [B_out, C, H, W], the same format and dtype.
        mixes: MIX [B_out].

    Returns:
        int64 [B_out]: how many patches are done.
    """
    scale = images.shape[1] if images.stride(1) == 1 and not images.is_contiguous() else 1
    done = np.zeros(len(mixes), np.int64)
    _copy(_planes(images, scale > 1), _planes(out, scale > 1), mixes, scale, done)
    return done


def _planes(images: torch.Tensor, interleaved: bool) -> Planes:
    bits = images.detach().view(_BITS[images.element_size()])
    if interleaved:
        bits = bits.permute(0, 2, 3, 1).flatten(2)[:, None]
    found: Planes = bits.numpy()
    return found


@kernel
def _copy(images: Planes, out: Planes, mixes: Mixes, scale: int, done: NDArray[np.int64]) -> None:
    height, line = out.shape[2], out.shape[3]
    for n in range(len(mixes)):
        mix = mixes[n]
        copies, rest = 0, False
        for i in range(mix.count):
            patch = mix.patches[i]
            copied = patch.source != CONSTANT and patch.weight == 1
            rest = rest or not copied
            copies += 0 if rest else 1
        if not _covered(mix, height, line // scale):
            _window(images[mix.own], out[n], 0, 0, 0, 0, height, line)
        for i in range(copies):
            patch = mix.patches[i]
            _window(
                images[patch.source],
                out[n],
                patch.from_top,
                patch.from_left * scale,
                patch.top,
                patch.left * scale,
                patch.height,
                patch.width * scale,
            )
        done[n] = copies


@kernel
def _window(
    picture: Planes,
    out: Planes,
    from_top: int,
    from_left: int,
    top: int,
    left: int,
    height: int,
    width: int,
) -> None:
    for plane in range(out.shape[0]):
        for y in range(height):
            source = picture[plane, from_top + y, from_left : from_left + width]
            target = out[plane, top + y, left : left + width]
            for x in range(width):
                target[x] = source[x]


@kernel
def _covered(mix: Any, height: int, width: int) -> bool:
    """Whether patches write every pixel: one of them all, or several that do not overlap."""
    total = 0
    for i in range(mix.count):
        a = mix.patches[i]
        if a.height == height and a.width == width:
            return True
        total += np.int64(a.height) * a.width
        for j in range(i):
            b = mix.patches[j]
            below = a.top >= b.top + b.height or b.top >= a.top + a.height
            beside = a.left >= b.left + b.width or b.left >= a.left + a.width
            if not (below or beside):
                return False
    return total == height * width
