"""Resize on the CPU: an antialiased triangle or cubic on uint8 pictures, without the GIL.

The filters are those of Pillow's `Image.resize` and of torchvision's `antialias=True`, weights
renormalised at the box's rim; `reference.resize` is the definition. Here is what is summed with
which weights; `resize_sums` sums, or `resize_exact`. Which filter is a number of `filters`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels import resize_cubic
from fasttricks.kernels.filters import BICUBIC, radius
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.lanes import BYTES, LANES
from fasttricks.kernels.resize_exact import SUM_BYTES, sum_exactly
from fasttricks.kernels.resize_sums import BITS, GROUP, MOST_TAPS, ROWS, sum_blocks

_TILE = 384  # source columns that a block reads at once, so that it stays in the L2 cache
_ALIGN = 64


@kernel
def support(
    first: int, count: int, in_size: float, out_size: int, interpolation: int
) -> tuple[int, int]:
    """The half-open range (low, high) of source rows that outputs [first, first + count) need.

    `in_size` rows become `out_size`; the same holds for columns. A decoder that gives this range of
    the box gives all that `resize` reads.
    """
    scale = in_size / out_size
    reach = radius(interpolation) * max(scale, 1.0)
    low = math.floor((first + 0.5) * scale - 0.5 - reach) + 1
    high = math.ceil((first + count - 0.5) * scale - 0.5 + reach)
    return max(0, low), min(math.floor(in_size), high)


@kernel
def _taps(in_size: float, out_size: int, interpolation: int) -> int:
    """The most source pixels that an output pixel is a sum of."""
    return math.ceil(2.0 * radius(interpolation) * max(in_size / out_size, 1.0))


@kernel
def _block_bytes(in_size: float, out_size: int, interpolation: int) -> int:
    """The workspace of `sum_blocks`, from a bound of the bytes of a row that a block reads."""
    taps = _taps(in_size, out_size, interpolation)
    pixels = max(_TILE, int(GROUP * in_size / out_size)) + taps + 2
    return 2 * BYTES * (3 * pixels // LANES + 3) * LANES + 3 * GROUP * BYTES


@kernel
def _row_bytes(in_size: float, out_size: int, interpolation: int) -> int:
    """A bound of the workspace of `sum_exactly`."""
    return SUM_BYTES * (math.ceil(in_size) + _taps(in_size, out_size, interpolation) + 2)


@kernel
def scratch_bytes(max_height: float, max_width: float, out_h: int, out_w: int) -> int:
    """Bytes of workspace with which `resize` takes every box up to max_height x max_width.

    out_h, out_w: the window's size (its grid is never smaller). Enough for every filter.
    """
    return (
        4 * out_h * (1 + _taps(max_height, out_h, BICUBIC))
        + 4 * out_w * (1 + _taps(max_width, out_w, BICUBIC))
        + max(_block_bytes(max_width, out_w, BICUBIC), _row_bytes(max_width, out_w, BICUBIC))
        + 3 * _ALIGN
    )


@kernel
def resize(
    src: NDArray[np.uint8],
    origin_top: float,
    origin_left: float,
    height: float,
    width: float,
    grid_height: int,
    grid_width: int,
    grid_top: int,
    grid_left: int,
    flip: int,
    interpolation: int,
    dst: NDArray[np.uint8],
    scratch: NDArray[np.uint8],
    cold: bool = False,
) -> None:
    """Resize a box of height x width pixels to a grid and write a window of it to `dst`.

    Callable from Python threads (the GIL is released) and from other numba code. Allocates nothing.
    The box may begin and end anywhere inside a pixel, as `reference.filter_matrix` explains; for
    whole numbers other code is compiled, which knows nothing of fractions.

    Args:
        src: uint8 [h, w, 3], pixels contiguous, rows at any distance: the part of the box that is
            there, at least what `support` tells for both axes.
        origin_top, origin_left: the pixel of the box that src[0, 0] is: where its upper left corner
            is, counted from the box's. All four may be floats, then with `height` and `width`.
        height, width: size of the box.
        grid_height, grid_width: size that the whole box is resized to.
        grid_top, grid_left: the grid pixel that dst[0, 0] is.
        flip: if not 0, the window is mirrored left-right.
        interpolation: the filter, BILINEAR or BICUBIC of `filters`.
        dst: uint8 [out_h, out_w, 3], pixels contiguous, rows at any distance; written completely.
        scratch: uint8, one per thread, any content, at least
            `scratch_bytes(height, width, out_h, out_w)` long.
        cold: whether `src` is in memory rather than in a cache. Rows are then asked for ahead of
            time, which takes half of the time where it is true, and a tenth more where it is not.

    Raises:
        ValueError: one of these does not hold.
    """
    have_h, have_w, out_h, out_w = src.shape[0], src.shape[1], dst.shape[0], dst.shape[1]
    if src.shape[2] != 3 or src.strides[2] != 1 or src.strides[1] != 3:
        raise ValueError("resize: src must be uint8 [height, width, 3] with contiguous pixels")
    if dst.shape[2] != 3 or dst.strides[2] != 1 or dst.strides[1] != 3 or out_h * out_w == 0:
        raise ValueError("resize: dst must be uint8 [out_h, out_w, 3] with contiguous pixels")
    if min(grid_top, grid_left, grid_height - grid_top - out_h, grid_width - grid_left - out_w) < 0:
        raise ValueError("resize: the window (dst from grid_top, grid_left on) leaves the grid")
    top, bottom = support(grid_top, out_h, height, grid_height, interpolation)
    left, right = support(grid_left, out_w, width, grid_width, interpolation)
    if origin_top >= top + 1 or origin_top + have_h <= bottom - 1:
        raise ValueError("resize: src lacks rows of the box that the window needs, see support()")
    if origin_left >= left + 1 or origin_left + have_w <= right - 1:
        raise ValueError("resize: src lacks columns that the window needs, see support()")
    if scratch.size < scratch_bytes(height, width, out_h, out_w):
        raise ValueError("resize: scratch is smaller than scratch_bytes(height, width, *window)")

    how, signed = interpolation, interpolation == BICUBIC
    # Typed as below: numba would compile `_filter` a second time for a constant 0 and False.
    begin, upright = np.int64(0), np.bool_(False)
    down, at = _filter(
        scratch, begin, grid_top, out_h, height, grid_height, how, upright, origin_top, have_h
    )
    across, at = _filter(
        scratch, at, grid_left, out_w, width, grid_width, how, flip != 0, origin_left, have_w
    )
    taps, most = max(down.shape[1], across.shape[1]) - 1, MOST_TAPS
    if signed:
        most = resize_cubic.MOST_TAPS
    if out_h < ROWS or out_w < GROUP or 3 * have_w < LANES or taps > most:
        row, at = _carve(scratch, at, _row_bytes(width, grid_width, interpolation))
        sum_exactly(src, down, across, resize_cubic.BITS if signed else BITS, dst, row)
        return
    workspace, at = _carve(scratch, at, _block_bytes(width, grid_width, interpolation))
    tile = max(1, int(_TILE * grid_width / width) // GROUP) * GROUP
    if signed:
        place = math.floor(origin_top), math.floor(origin_left)
        sum_blocks(src, place, down, across, tile, dst, workspace, cold)
    else:
        sum_blocks(src, None, down, across, tile, dst, workspace, cold)


@kernel
def _carve(scratch: NDArray[np.uint8], at: int, size: int) -> tuple[NDArray[np.uint8], int]:
    """`size` aligned bytes of `scratch` from offset `at` on, and the offset behind them."""
    at += -(scratch.ctypes.data + at) % _ALIGN
    return scratch[at : at + size], at + size


@kernel
def _filter(
    scratch: NDArray[np.uint8],
    at: int,
    first: int,
    count: int,
    in_size: float,
    out_size: int,
    interpolation: int,
    mirrored: bool,
    origin: float,
    available: int,
) -> tuple[NDArray[np.int32], int]:
    """The filter of outputs [first, first + count), in reverse order if `mirrored`.

    Gives an int32 [count, 1 + taps] in `scratch`, and the offset behind it. Column 0 is the first
    source pixel, counted from `origin`; the rest are weights that sum to 65536, or for the cubic
    filter to 16384. All taps lie in the `available` pixels.
    """
    scale = in_size / out_size
    stretch = max(scale, 1.0)
    reach = radius(interpolation) * stretch
    taps = min(available, _taps(in_size, out_size, interpolation))
    whole = math.floor(origin)
    part, at = _carve(scratch, at, 4 * count * (1 + taps))
    table = part.view(np.int32).reshape(count, 1 + taps)
    for i in range(count):
        # Counted from a corner of source pixels, so that two parts of a box have the same weights.
        centre = (first + (count - 1 - i if mirrored else i) + 0.5) * scale - 0.5 - (origin - whole)
        start = max(0, min(math.floor(centre - reach) + 1 - whole, available - taps))
        table[i, 0] = start
        begin = whole + start - centre
        if interpolation == BICUBIC:
            resize_cubic.weigh(table, i, begin, stretch)
            continue
        total = 0.0
        for k in range(taps):
            total += max(0.0, reach - abs(begin + k))
        rest, heaviest = 65536, 1
        for k in range(taps):
            weight = int(max(0.0, reach - abs(begin + k)) * (65536.0 / total) + 0.5)
            table[i, 1 + k] = weight
            rest -= weight
            if weight > table[i, heaviest]:
                heaviest = 1 + k
        # Where a rounding error matters least. 65536 itself would not fit 16 bits.
        table[i, heaviest] = min(65535, table[i, heaviest] + rest)
    return table, at
