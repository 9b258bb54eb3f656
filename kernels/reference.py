"""What the kernels compute, in float64 NumPy: slow, short, and the definition.

Pictures are [height, width, 3], channels R, G, B, on the 0-255 scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Window = tuple[int, int, int, int]
"""(top, left, height, width)."""

EDGES = ("renormalise", "clamp")


def filter_matrix(in_size: int, out_size: int, edge: str = "renormalise") -> NDArray[np.float64]:
    """The antialiased triangle filter along one axis as a matrix [out_size, in_size].

    Output i looks at its centre (i + 0.5) * in_size / out_size (half-pixel centres) with a triangle
    of half-width max(in_size / out_size, 1). Of the triangle that sticks out of the picture,
    "renormalise" (Pillow's `Image.resize(..., BILINEAR)`, torchvision's `antialias=True`) gives the
    weight to all pixels inside, "clamp" (DALI's `resize` with `antialias=True`) to the edge pixel.
    """
    if edge not in EDGES:
        raise ValueError(f"edge must be one of {', '.join(EDGES)}; got {edge!r}")
    scale = in_size / out_size
    reach = max(scale, 1.0)
    margin = int(np.ceil(reach)) + 1  # no triangle goes further out of the picture
    positions = np.arange(-margin, in_size + margin)
    centres = (np.arange(out_size) + 0.5) * scale
    weights = np.maximum(0.0, 1.0 - abs(positions + 0.5 - centres[:, None]) / reach)
    inside = weights[:, margin : margin + in_size]
    if edge == "clamp":
        inside[:, 0] += weights[:, :margin].sum(axis=1)
        inside[:, -1] += weights[:, margin + in_size :].sum(axis=1)
    matrix: NDArray[np.float64] = inside / inside.sum(axis=1, keepdims=True)
    return matrix


def resize(
    box: NDArray[np.uint8],
    grid: tuple[int, int],
    window: Window | None = None,
    edge: str = "renormalise",
) -> NDArray[np.float64]:
    """Resize `box` to `grid` (height, width) and keep `window` of it (default: all), unrounded.

    Rows and columns are filtered one after the other, with nothing rounded in between.

    Args:
        box: uint8 (or any real) [height, width, 3].
        edge: see `filter_matrix`.

    Returns:
        float64 [window height, window width, 3].
    """
    top, left, height, width = window or (0, 0, *grid)
    down = filter_matrix(box.shape[0], grid[0], edge)[top : top + height]
    across = filter_matrix(box.shape[1], grid[1], edge)[left : left + width]
    result: NDArray[np.float64] = np.einsum("yh,hwc,xw->yxc", down, box, across, optimize=True)
    return result


def finish(
    pixels: NDArray[np.uint8], matrix: NDArray[np.float32], flip: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Flip, then y_c = A[c, :] . rgb + b[c], nothing clamped.

    Args:
        pixels: uint8 [B, H, W, 3].
        matrix: [B, 3, 4]: A and, as the last column, b.
        flip: [B]; where it is not 0 the picture is mirrored left-right.

    Returns:
        float64 [B, 3, H, W].
    """
    mirrored = np.where(np.asarray(flip, bool)[:, None, None, None], pixels[:, :, ::-1], pixels)
    a, b = matrix[:, :, :3].astype(np.float64), matrix[:, :, 3].astype(np.float64)
    result = np.einsum("bck,bhwk->bchw", a, mirrored.astype(np.float64)) + b[:, :, None, None]
    return np.asarray(result, np.float64)
