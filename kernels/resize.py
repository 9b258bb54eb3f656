"""Resize on the CPU: the antialiased triangle filter on uint8 pictures, without the GIL.

The filter is that of Pillow's `Image.resize(..., BILINEAR)` and of torchvision's `antialias=True`,
weights renormalised at the box's rim; `reference.resize` is the definition.

How it is fast: 32 output rows are made at a time. First their *vertical* sums, along source rows,
whose bytes lie side by side as vector code wants them. Then the block is transposed: now 32 rows of
one column lie side by side, and the *horizontal* sums have the same form, red, green and blue
apart without shuffling. Then the block is transposed back. Sums are uint16 with 8 bits after the
point and weights have 16 bits, so nearly all of the error is the last rounding to uint8.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.lanes import (
    BYTES,
    LANES,
    add_scaled,
    load,
    load_bytes,
    splat,
    store,
    transpose_8_columns,
    transpose_16_bytes,
)

_ROWS = LANES  # output rows of a block
_GROUP = 16  # output columns that are transposed back at once: 48 bytes of a row
_TILE = 384  # source columns that a block reads at once, so that it stays in the L2 cache
_MOST_TAPS = 126  # on each axis: more would let white overflow, see _vertical
_ALIGN = 64


@kernel
def support(first: int, count: int, in_size: float, out_size: int) -> tuple[int, int]:
    """The half-open range (low, high) of source rows that outputs [first, first + count) need.

    `in_size` rows become `out_size`; the same holds for columns. A decoder that gives this range of
    the box gives all that `resize` reads.
    """
    scale = in_size / out_size
    reach = max(scale, 1.0)
    low = math.floor((first + 0.5) * scale - 0.5 - reach) + 1
    high = math.ceil((first + count - 0.5) * scale - 0.5 + reach)
    return max(0, low), min(math.floor(in_size), high)


@kernel
def _taps(in_size: float, out_size: int) -> int:
    """The most source pixels that an output pixel is a sum of."""
    return math.ceil(2.0 * max(in_size / out_size, 1.0))


@kernel
def _block_bytes(in_size: float, out_size: int) -> int:
    """A bound of the bytes of a source row that a block reads at once."""
    pixels = max(_TILE, int(_GROUP * in_size / out_size)) + _taps(in_size, out_size) + 2
    return (3 * pixels // LANES + 3) * LANES


@kernel
def scratch_bytes(max_height: float, max_width: float, out_h: int, out_w: int) -> int:
    """Bytes of workspace with which `resize` takes every box up to max_height x max_width.

    out_h, out_w: the window's size (its grid is never smaller).
    """
    return (
        4 * out_h * (1 + _taps(max_height, out_h))
        + 4 * out_w * (1 + _taps(max_width, out_w))
        + 2 * BYTES * _block_bytes(max_width, out_w)
        + 3 * _GROUP * BYTES
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
    dst: NDArray[np.uint8],
    scratch: NDArray[np.uint8],
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
        dst: uint8 [out_h, out_w, 3], pixels contiguous, rows at any distance; written completely.
        scratch: uint8, one per thread, any content, at least
            `scratch_bytes(height, width, out_h, out_w)` long.

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
    top, bottom = support(grid_top, out_h, height, grid_height)
    left, right = support(grid_left, out_w, width, grid_width)
    if origin_top >= top + 1 or origin_top + have_h <= bottom - 1:
        raise ValueError("resize: src lacks rows of the box that the window needs, see support()")
    if origin_left >= left + 1 or origin_left + have_w <= right - 1:
        raise ValueError("resize: src lacks columns that the window needs, see support()")
    if scratch.size < scratch_bytes(height, width, out_h, out_w):
        raise ValueError("resize: scratch is smaller than scratch_bytes(height, width, *window)")

    down, at = _filter(scratch, 0, grid_top, out_h, height, grid_height, False, origin_top, have_h)
    across, at = _filter(
        scratch, at, grid_left, out_w, width, grid_width, flip != 0, origin_left, have_w
    )
    taps = max(down.shape[1], across.shape[1]) - 1
    if out_h < _ROWS or out_w < _GROUP or 3 * have_w < LANES or taps > _MOST_TAPS:
        _plain(src, down, across, dst)
        return
    size = 2 * BYTES * _block_bytes(width, grid_width) + 3 * _GROUP * BYTES
    workspace, at = _carve(scratch, at, size)
    tile = max(1, int(_TILE * grid_width / width) // _GROUP) * _GROUP
    _blocks(src, down, across, tile, dst, workspace)


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
    mirrored: bool,
    origin: float,
    available: int,
) -> tuple[NDArray[np.int32], int]:
    """The filter of outputs [first, first + count), in reverse order if `mirrored`.

    Gives an int32 [count, 1 + taps] in `scratch`, and the offset behind it. Column 0 is the first
    source pixel, counted from `origin`; the rest are weights that sum to 65536. All taps lie in the
    `available` pixels.
    """
    scale = in_size / out_size
    reach = max(scale, 1.0)
    taps = min(available, _taps(in_size, out_size))
    whole = math.floor(origin)
    part, at = _carve(scratch, at, 4 * count * (1 + taps))
    table = part.view(np.int32).reshape(count, 1 + taps)
    for i in range(count):
        # Counted from a corner of source pixels, so that two parts of a box have the same weights.
        centre = (first + (count - 1 - i if mirrored else i) + 0.5) * scale - 0.5 - (origin - whole)
        start = max(0, min(math.floor(centre - reach) + 1 - whole, available - taps))
        table[i, 0] = start
        begin = whole + start - centre
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


@kernel
def _plain(
    src: NDArray[np.uint8],
    down: NDArray[np.int32],
    across: NDArray[np.int32],
    dst: NDArray[np.uint8],
) -> None:
    """Any shape, slowly: for what is too small for vectors, or shrunk too far for 16-bit sums."""
    for y in range(dst.shape[0]):
        for x in range(dst.shape[1]):
            red = green = blue = 1 << 31
            for j in range(down.shape[1] - 1):
                row = down[y, 0] + j
                for i in range(across.shape[1] - 1):
                    column = across[x, 0] + i
                    weight = np.int64(down[y, 1 + j]) * across[x, 1 + i]
                    red += weight * src[row, column, 0]
                    green += weight * src[row, column, 1]
                    blue += weight * src[row, column, 2]
            dst[y, x, 0], dst[y, x, 1], dst[y, x, 2] = red >> 32, green >> 32, blue >> 32


@kernel
def _blocks(
    src: NDArray[np.uint8],
    down: NDArray[np.int32],
    across: NDArray[np.int32],
    tile: int,
    dst: NDArray[np.uint8],
    workspace: NDArray[np.uint8],
) -> None:
    """At least _ROWS x _GROUP pixels from rows of LANES bytes or more, `tile` columns at a time."""
    source, stride, row_bytes = src.ctypes.data, src.strides[0], 3 * src.shape[1]
    height, width = down.shape[0], across.shape[0]
    half = (workspace.size - 3 * _GROUP * BYTES) // 2
    block = workspace.ctypes.data
    columns, group, pitch = block + half, block + 2 * half, half // _ROWS
    for y0 in range(0, height, _ROWS):
        y = min(y0, height - _ROWS)  # the last block may do some rows again
        for x0 in range(0, width, tile):
            begin, end = min(x0, width - _GROUP), min(x0 + tile, width)
            left, right = across[begin, 0], across[end - 1, 0]
            first = min(3 * min(left, right), row_bytes - LANES)
            last = 3 * (max(left, right) + across.shape[1] - 1)
            rows = down[y : y + _ROWS]
            _vertical(source, stride, row_bytes, rows, first, last, block, pitch)
            for byte in range(0, last - first, 8):
                transpose_8_columns(block + 2 * byte, pitch, columns + byte * BYTES)
            for x1 in range(begin, end, _GROUP):
                x = min(x1, end - _GROUP)
                _horizontal(columns, across[x : x + _GROUP], first, group)
                corner = dst.ctypes.data + y * dst.strides[0] + 3 * x
                for byte in range(0, 3 * _GROUP, 16):
                    transpose_16_bytes(group + byte * BYTES, corner + byte, dst.strides[0])


@kernel
def _vertical(
    source: int,
    stride: int,
    row_bytes: int,
    filters: NDArray[np.int32],
    first: int,
    last: int,
    block: int,
    pitch: int,
) -> None:
    """Sum source rows, bytes [first, last) of each, into uint16 rows `pitch` apart at `block`.

    A sum begins with half its number of taps, because each product is cut off, by 1/2 on average.
    With at most 126 taps, white is at most 65280 + 2 * 63 after both sums: rounding fits.
    """
    taps = filters.shape[1] - 1
    for r in range(filters.shape[0]):
        row = source + filters[r, 0] * stride
        target = block + r * pitch
        for byte in range(first, last, LANES):
            inside = min(byte, row_bytes - LANES)
            total = splat(taps // 2)
            at = row + inside
            for k in range(taps):
                total = add_scaled(total, load_bytes(at), filters[r, 1 + k])
                at += stride
            store(target + 2 * (inside - first), total)


@kernel
def _horizontal(columns: int, filters: NDArray[np.int32], first: int, out: int) -> None:
    """Sum columns of the transposed block, which begins with the one of byte `first` of a row."""
    taps = filters.shape[1] - 1
    for x in range(filters.shape[0]):
        at = columns + (3 * filters[x, 0] - first) * BYTES
        red = green = blue = splat(taps // 2 + 128)
        for k in range(taps):
            red = add_scaled(red, load(at), filters[x, 1 + k])
            green = add_scaled(green, load(at + BYTES), filters[x, 1 + k])
            blue = add_scaled(blue, load(at + 2 * BYTES), filters[x, 1 + k])
            at += 3 * BYTES
        target = out + 3 * BYTES * x
        store(target, red)
        store(target + BYTES, green)
        store(target + 2 * BYTES, blue)
