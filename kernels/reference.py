"""What the kernels compute, in float64 NumPy: slow, short, and the definition.

Pictures are [height, width, 3], channels R, G, B, on the 0-255 scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.mix.description import CONSTANT
from fasttricks.kernels.plan_reference import philox

Window = tuple[int, int, int, int]
"""(top, left, height, width)."""

EDGES = ("renormalise", "clamp")
CLIPS = ("last", "each")

Floats = NDArray[np.float64]


class Filter(NamedTuple):
    """What pictures are resized with."""

    radius: int
    """It is 0 at this distance from its centre and beyond."""
    at: Callable[[Floats], Floats]
    """Its value at distances, in pixels of the coarser of the two grids."""


def triangle(distances: Floats) -> Floats:
    """Linear interpolation."""
    return np.maximum(0.0, 1.0 - abs(distances))


def cubic(distances: Floats, a: float = -0.5) -> Floats:
    """Cubic convolution (Keys, IEEE Trans. ASSP 29, 1981, equation 15 has a = -0.5)."""
    x = abs(distances)
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = a * (x - 1) * (x - 2) ** 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


FILTERS = {"bilinear": Filter(1, triangle), "bicubic": Filter(2, cubic)}
"""By the names of `Augment.interpolation`."""


def filter_matrix(
    in_size: int,
    out_size: int,
    edge: str = "renormalise",
    box: tuple[float, float] | None = None,
    interpolation: str = "bilinear",
) -> Floats:
    """An antialiased filter along one axis as a matrix [out_size, in_size].

    Output i looks at its centre (i + 0.5) * in_size / out_size (half-pixel centres) with a filter
    that is max(in_size / out_size, 1) times as wide as `FILTERS` has it. Of what sticks out of the
    picture, "renormalise" (Pillow's `Image.resize`, torchvision's `antialias=True`) gives the
    weight to all pixels inside, "clamp" (DALI's `resize` with `antialias=True`) to the edge pixel.

    Args:
        box: (begin, size) of what is resized, in pixels, which may be fractions; default all. Only
            pixels whose centre is in it have weight. For "renormalise" only.
    """
    if edge not in EDGES:
        raise ValueError(f"edge must be one of {', '.join(EDGES)}; got {edge!r}")
    used = FILTERS[interpolation]
    if box is not None:
        return _boxed_matrix(in_size, out_size, *box, used)
    scale = in_size / out_size
    stretch = max(scale, 1.0)
    margin = int(np.ceil(used.radius * stretch)) + 1  # no filter goes further out of the picture
    positions = np.arange(-margin, in_size + margin)
    centres = (np.arange(out_size) + 0.5) * scale
    weights = used.at((positions + 0.5 - centres[:, None]) / stretch)
    inside = weights[:, margin : margin + in_size]
    if edge == "clamp":
        inside[:, 0] += weights[:, :margin].sum(axis=1)
        inside[:, -1] += weights[:, margin + in_size :].sum(axis=1)
    matrix: Floats = inside / inside.sum(axis=1, keepdims=True)
    return matrix


def _boxed_matrix(in_size: int, out_size: int, begin: float, size: float, used: Filter) -> Floats:
    scale = size / out_size
    positions = np.arange(in_size) + 0.5 - begin
    distances = positions - (np.arange(out_size)[:, None] + 0.5) * scale
    weights = used.at(distances / max(scale, 1.0))
    weights *= (positions >= 0) & (positions < size)
    matrix: Floats = weights / weights.sum(axis=1, keepdims=True)
    return matrix


def resize(
    box: NDArray[np.uint8],
    grid: tuple[int, int],
    window: Window | None = None,
    edge: str = "renormalise",
    interpolation: str = "bilinear",
    clip: str = "last",
) -> Floats:
    """Resize `box` to `grid` (height, width) and keep `window` of it (default: all), unrounded.

    Columns and rows are filtered one after the other, with nothing rounded in between. A cubic
    filter overshoots: the result is clipped to 0..255. With clip="each" so is what the first of the
    two gives, along rows, as Pillow does it; this moves pixels beside hard black and white edges,
    by 30 levels at most.

    Args:
        box: uint8 (or any real from 0 to 255) [height, width, 3].
        edge, interpolation: see `filter_matrix`.
        clip: one of CLIPS.

    Returns:
        float64 [window height, window width, 3].
    """
    if clip not in CLIPS:
        raise ValueError(f"clip must be one of {', '.join(CLIPS)}; got {clip!r}")
    top, left, height, width = window or (0, 0, *grid)
    down = filter_matrix(box.shape[0], grid[0], edge, None, interpolation)[top : top + height]
    across = filter_matrix(box.shape[1], grid[1], edge, None, interpolation)[left : left + width]
    narrow: Floats = np.einsum("hwc,xw->hxc", box, across, optimize=True)
    if clip == "each":
        narrow = np.clip(narrow, 0, 255)
    result: Floats = np.einsum("yh,hxc->yxc", down, narrow, optimize=True)
    return np.clip(result, 0, 255)


def finish(
    pixels: NDArray[np.uint8],
    matrix: NDArray[np.float32],
    flip: NDArray[np.bool_],
    mixes: NDArray[np.void] | None = None,
) -> NDArray[np.float64]:
    """Flip, then y_c = A[c, :] . rgb + b[c], nothing clamped; then mix the finished pictures.

    Args:
        pixels: uint8 [B_in, H, W, 3].
        matrix: [B_in, 3, 4]: A and, as the last column, b.
        flip: [B_in]; where it is not 0 the picture is mirrored left-right.
        mixes: MIX [B_out], see `kernels.mix.description`; None mixes nothing.

    Returns:
        float64 [B_out, 3, H, W].
    """
    mirrored = np.where(np.asarray(flip, bool)[:, None, None, None], pixels[:, :, ::-1], pixels)
    a, b = matrix[:, :, :3].astype(np.float64), matrix[:, :, 3].astype(np.float64)
    result = np.einsum("bck,bhwk->bchw", a, mirrored.astype(np.float64)) + b[:, :, None, None]
    return np.asarray(result, np.float64) if mixes is None else mix(result, mixes)


def mix(images: NDArray[Any], mixes: NDArray[np.void]) -> NDArray[np.float64]:
    """Mix pictures [B_in, C, H, W] as MIX [B_out] says: float64 [B_out, C, H, W].

    A constant's value is R, G, B where C is 3, else its first number is that of all channels.
    """
    channels = images.shape[1]
    result = np.empty((len(mixes), *images.shape[1:]))
    for made, one in zip(result, mixes, strict=True):
        own = images[one["own"]].astype(np.float64)
        made[:] = own
        for patch in one["patches"][: one["count"]]:
            rows = slice(patch["top"], patch["top"] + patch["height"])
            columns = slice(patch["left"], patch["left"] + patch["width"])
            if patch["source"] == CONSTANT:
                value = patch["value"] if channels == 3 else np.repeat(patch["value"][0], channels)
                shown = np.zeros_like(own) + value[:, None, None]
                if patch["noise"] > 0:
                    shown += float(patch["noise"]) * noise(one, rows, columns, own.shape)
                shown = shown[:, rows, columns]
            else:
                down, across = patch["from_top"], patch["from_left"]
                shown = images[patch["source"]].astype(np.float64)
                shown = shown[:, down : down + patch["height"], across : across + patch["width"]]
            weight = float(patch["weight"])
            made[:, rows, columns] = weight * shown + (1 - weight) * own[:, rows, columns]
    return result


def noise(one: np.void, rows: slice, columns: slice, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Standard normal values [C, H, W] for the pixels in `rows` and `columns`, elsewhere 0.

    Channels come in threes: channel c of pixel i has normal c % 3 of block i + (c // 3) * H * W.
    """
    channels, height, width = shape
    result = np.zeros(shape)
    key = int(one["key"][0]) + (int(one["key"][1]) << 32)
    rest = [int(word) for word in one["counter"]]
    for c in range(channels):
        for y in range(height)[rows]:
            for x in range(width)[columns]:
                block = y * width + x + (c // 3) * height * width
                u = [word / 2**32 for word in philox((block, rest[0], rest[1], rest[2]), key)]
                radius = math.sqrt(-2 * math.log(1 - u[2 if c % 3 == 2 else 0]))
                turn = 2 * math.pi * u[3 if c % 3 == 2 else 1]
                result[c, y, x] = radius * (math.sin(turn) if c % 3 == 1 else math.cos(turn))
    return result
