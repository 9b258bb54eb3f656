"""The plan: what happens to a sample, decided before anything is decoded.

A plan is a pure function of (seed, epoch, sample index, view); pipelines only carry it out. Every
function here may be called from any thread and from inside other numba code.

A sample's picture is made from its *box* (top, left, height, width in source pixels), resized to a
*grid* (grid_height, grid_width), of which the *window* of size x size that begins at
(grid_top, grid_left) is kept, and mirrored if `flip`. In training the box is a random crop and the
grid is the window; in evaluation the box is the whole picture.

Counter layout, frozen as PLAN_VERSION: (index, view, epoch, stream), key = seed. Streams 0 to 9 are
the tries for a crop, FLIP_AND_JITTER, LIGHTING and CONTRAST_AND_ORDER are one block each, ORDER
shuffles the epoch, 39 to 47 are kept for mixing, POLICY and the three behind it are the rounds of a
policy (`kernels.plan_ops` says what their words are).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.kernels.augment import PlanParams, Range
from fasttricks.kernels.color import Floats, color_matrix, normalise_matrix
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.philox import Word, below, philox, unit

Ints = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]

PLAN_VERSION = 1

CROP_TRIES = 10
FLIP_AND_JITTER = 16
LIGHTING = 17
CONTRAST_AND_ORDER = 18
ORDER = 32
POLICY = 48

SAMPLE = np.dtype(
    [
        ("top", "<i4"),
        ("left", "<i4"),
        ("height", "<i4"),
        ("width", "<i4"),
        ("grid_height", "<i4"),
        ("grid_width", "<i4"),
        ("grid_top", "<i4"),
        ("grid_left", "<i4"),
        ("flip", "<i4"),
        ("interpolation", "<i4"),
    ]
)
"""One sample's geometry; see the module's text. The filter is not drawn, but code that carries out
a plan has to know it: `kernels.filters`."""


@kernel
def epoch_order(seed: Word, epoch: int, count: int) -> Ints:
    """The epoch's global permutation of `count` samples, int64 [count] (Fisher-Yates)."""
    order = np.arange(count)
    for last in range(count - 1, 0, -1):
        high, low, _, _ = philox(last, 0, epoch, ORDER, seed)
        other = np.int64(below(high, low, last + 1))
        order[last], order[other] = order[other], order[last]
    return order


@kernel
def fallback_box(height: int, width: int, aspect_low: float, aspect_high: float) -> Box:
    """The largest central (top, left, height, width) whose aspect lies in the allowed range; in a
    picture too narrow for any such box, one as near to it as whole pixels are."""
    ratio = width / height
    h, w = height, width
    if ratio < aspect_low:
        h = min(height, max(1, round(width / aspect_low)))
    elif ratio > aspect_high:
        w = min(width, max(1, round(height * aspect_high)))
    return (height - h) // 2, (width - w) // 2, h, w


@kernel
def crop_box(
    seed: Word, epoch: int, index: int, view: int, height: int, width: int, p: PlanParams
) -> Box:
    """A random (top, left, height, width) inside a picture of `height` x `width` pixels.

    The rule of torchvision's `RandomResizedCrop.get_params`: ten tries of a uniform area and a
    log-uniform aspect, then the centre fallback.
    """
    for attempt in range(CROP_TRIES):
        r0, r1, r2, r3 = philox(index, view, epoch, attempt, seed)
        area = height * width * (p.area[0] + unit(r0) * (p.area[1] - p.area[0]))
        aspect = math.exp(p.log_aspect[0] + unit(r1) * (p.log_aspect[1] - p.log_aspect[0]))
        w = round(math.sqrt(area * aspect))
        h = round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top = int(unit(r2) * (height - h + 1))
            left = int(unit(r3) * (width - w + 1))
            return top, left, h, w
    return fallback_box(height, width, math.exp(p.log_aspect[0]), math.exp(p.log_aspect[1]))


@kernel
def centre_window(height: int, width: int, resize: int, size: int) -> Box:
    """(grid_height, grid_width, grid_top, grid_left) of evaluation, as torchvision to the integer.

    The shorter side becomes `resize`, the longer is truncated; the offset is rounded half to even.
    """
    if width <= height:
        grid_height, grid_width = resize * height // width, resize
    else:
        grid_height, grid_width = resize, resize * width // height
    return grid_height, grid_width, round((grid_height - size) / 2), round((grid_width - size) / 2)


@kernel
def between(pair: Range, word: Word) -> float:
    return pair[0] + unit(word) * (pair[1] - pair[0])


@kernel
def normals(word0: Word, word1: Word, word2: Word, word3: Word) -> tuple[float, float, float]:
    """Three standard normal values from four uint32 values (Box-Muller; the fourth is unused)."""
    radius0 = math.sqrt(-2.0 * math.log(1.0 - unit(word0)))
    radius1 = math.sqrt(-2.0 * math.log(1.0 - unit(word2)))
    angle0, angle1 = 2.0 * math.pi * unit(word1), 2.0 * math.pi * unit(word3)
    return radius0 * math.cos(angle0), radius0 * math.sin(angle0), radius1 * math.cos(angle1)


@kernel
def plan_geometry(
    seed: Word,
    epoch: int,
    index: int,
    view: int,
    height: int,
    width: int,
    p: PlanParams,
    out: Any,
) -> None:
    """Write one sample's geometry and flip into `out`, a record of SAMPLE."""
    out.interpolation = p.interpolation
    if p.train:
        out.top, out.left, out.height, out.width = crop_box(
            seed, epoch, index, view, height, width, p
        )
        out.grid_height, out.grid_width, out.grid_top, out.grid_left = p.size, p.size, 0, 0
        flip, _, _, _ = philox(index, view, epoch, FLIP_AND_JITTER, seed)
        out.flip = 1 if unit(flip) < p.flip else 0
    else:
        out.top, out.left, out.height, out.width = 0, 0, height, width
        out.grid_height, out.grid_width, out.grid_top, out.grid_left = centre_window(
            height, width, p.resize, p.size
        )
        out.flip = 0


@kernel
def plan_color(seed: Word, epoch: int, index: int, view: int, p: PlanParams, out: Floats) -> None:
    """Write one sample's colour and normalisation into `out`, float32 [3, 4]."""
    if not p.jitter:
        normalise_matrix(p.mean, p.std, out)
        return
    _, r1, r2, r3 = philox(index, view, epoch, FLIP_AND_JITTER, seed)
    a0, a1, a2 = normals(*philox(index, view, epoch, LIGHTING, seed))
    light = (a0 * p.lighting, a1 * p.lighting, a2 * p.lighting)
    color_matrix(
        between(p.hue, r1),
        between(p.saturation, r2),
        between(p.brightness, r3),
        light,
        p.mean,
        p.std,
        out,
    )


@kernel
def _plan_batch(
    seed: Word,
    epoch: int,
    indices: Ints,
    views: Ints,
    heights: Ints,
    widths: Ints,
    p: PlanParams,
    samples: Any,
    matrices: Floats,
) -> None:
    for i in range(indices.shape[0]):
        plan_geometry(seed, epoch, indices[i], views[i], heights[i], widths[i], p, samples[i])
        plan_color(seed, epoch, indices[i], views[i], p, matrices[i])


def plan_batch(
    seed: int,
    epoch: int,
    indices: npt.ArrayLike,
    views: npt.ArrayLike,
    heights: npt.ArrayLike,
    widths: npt.ArrayLike,
    params: PlanParams,
) -> tuple[npt.NDArray[np.void], Floats]:
    """The plans of a batch.

    Args:
        seed: below 2**64. epoch: below 2**32.
        indices, views: int64 [B], sample index in the data set and which of its views.
        heights, widths: int64 [B], size of the stored picture in pixels.
        params: `Augment.params(...)`.

    Returns:
        samples: SAMPLE [B].
        matrices: float32 [B, 3, 4], y = A x + b on RGB pixels in 0-255.
    """
    arrays = [np.ascontiguousarray(a, np.int64) for a in (indices, views, heights, widths)]
    samples = np.empty(len(arrays[0]), SAMPLE)
    matrices = np.empty((len(arrays[0]), 3, 4), np.float32)
    _plan_batch(np.uint64(seed), np.int64(epoch), *arrays, params, samples, matrices)
    return samples, matrices
