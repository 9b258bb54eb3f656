"""Crop, resize, flip and finish on a GPU, from decoded pictures: one Triton kernel for a batch.

A program makes BLOCK consecutive pixels of one output, each as one sum over the source pixels under
its filter, which neighbours share through the cache. The filters are those of `kernels.resize`.
Weights are not rounded here: they are made from distances between pixel centres, whole numbers in
units of 1 / (2 * grid) source pixels, and sums are float32. So a level may differ by one from the
CPU's, where weights have 16 bits at most, and is nearer to the definition.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import triton
import triton.language as tl

from fasttricks.kernels.filters import BICUBIC
from fasttricks.kernels.finish_triton import on_device_of
from fasttricks.kernels.read_triton import dot, four

BLOCK, WARPS = 256, 4

ROW = np.dtype(
    [
        ("offset", "<i8"),
        ("width", "<i8"),
        ("top", "<i8"),
        ("left", "<i8"),
        ("box_height", "<i8"),
        ("box_width", "<i8"),
        ("grid_height", "<i8"),
        ("grid_width", "<i8"),
        ("grid_top", "<i8"),
        ("grid_left", "<i8"),
        ("flip", "<i8"),
    ]
)
"""An output: where its picture, `width` pixels wide, begins in the block of all pixels; and its
plan, see `kernels.plan.SAMPLE`. Words of 8 bytes only: a batch of them is also an int64 tensor."""

_WORDS = tl.constexpr(ROW.itemsize // 8)
_BICUBIC = tl.constexpr(BICUBIC)


def describe(
    plans: npt.NDArray[np.void], offsets: npt.NDArray[np.int64], widths: npt.NDArray[np.integer]
) -> torch.Tensor:
    """What `make` is told of B rows: int64 [B, 11] on the host.

    Args:
        plans: SAMPLE [B]. offsets, widths: [B], of their pictures.
    """
    rows = np.empty(len(plans), ROW)
    rows["offset"], rows["width"] = offsets, widths
    for name in ("top", "left", "grid_height", "grid_width", "grid_top", "grid_left", "flip"):
        rows[name] = plans[name]
    rows["box_height"], rows["box_width"] = plans["height"], plans["width"]
    return torch.from_numpy(rows.view(np.int64).reshape(len(plans), -1))


def make(
    pixels: torch.Tensor,
    rows: torch.Tensor,
    matrix: torch.Tensor | None,
    out: torch.Tensor,
    interpolation: int,
) -> None:
    """Make a batch; queued on the current stream. Shapes and places are not checked.

    All tensors are on one CUDA device, or, where TRITON_INTERPRET=1 was set before Triton was
    imported, on the CPU.

    Args:
        pixels: uint8 [n], all pictures; each below 2 GiB, RGB rows without gaps.
        rows: int64 [B, 11], see `describe`.
        matrix: float32 [B, 3, 4]: A and, as the last column, b; None to stop before finishing.
        out: [B, size, size, 3], contiguous: float32, float16 or bfloat16; without matrix uint8.
        interpolation: the filter, as in all the plans.
    """
    batch, size = out.shape[:2]
    if out.numel() == 0:
        return
    blocks = triton.cdiv(size * size, BLOCK)
    finished = matrix is not None
    with on_device_of(pixels):
        _kernel[(blocks * batch,)](
            *(pixels, rows, matrix if finished else rows, out, blocks, size),
            FINISHED=finished,
            FILTER=interpolation,
            BLOCK=BLOCK,
            num_warps=WARPS,
            enable_fp_fusion=True,
        )


@triton.jit(do_not_specialize=["blocks", "size"])
def _kernel(
    pixels,
    rows,
    matrix,
    out,
    blocks,
    size,
    FINISHED: tl.constexpr,
    FILTER: tl.constexpr,
    BLOCK: tl.constexpr,
):
    program = tl.program_id(0)
    sample = (program // blocks).to(tl.int64)
    first = (program % blocks) * BLOCK
    pixel = tl.minimum(first + tl.arange(0, BLOCK), size * size - 1)  # the last ones several times
    y, x = pixel // size, pixel % size
    row = rows + sample * _WORDS
    line = 3 * _word(row + 1)
    box_height, box_width = _word(row + 4), _word(row + 5)
    grid_height, grid_width = _word(row + 6), _word(row + 7)
    x = tl.where(_word(row + 10) != 0, size - 1 - x, x)
    low_y, away_y, reach_y, taps_y = _taps(_word(row + 8) + y, box_height, grid_height, FILTER)
    low_x, away_x, reach_x, taps_x = _taps(_word(row + 9) + x, box_width, grid_width, FILTER)
    corner = pixels + tl.load(row) + (_word(row + 2) * line + _word(row + 3) * 3)

    zero = tl.zeros([BLOCK], tl.float32)
    red, green, blue, total_y, total_x = zero, zero, zero, zero, zero
    for j in range(taps_y):
        source_y = low_y + j
        weight_y = _weight(away_y + 2 * j * grid_height, reach_y, source_y, box_height, FILTER)
        at_row = tl.minimum(source_y, box_height - 1) * line
        red_x, green_x, blue_x, total_x = zero, zero, zero, zero
        for i in range(taps_x):
            source_x = low_x + i
            weight = _weight(away_x + 2 * i * grid_width, reach_x, source_x, box_width, FILTER)
            at = corner + (at_row + tl.minimum(source_x, box_width - 1) * 3)
            red_x += weight * tl.load(at).to(tl.float32)
            green_x += weight * tl.load(at + 1).to(tl.float32)
            blue_x += weight * tl.load(at + 2).to(tl.float32)
            total_x += weight
        red += weight_y * red_x
        green += weight_y * green_x
        blue += weight_y * blue_x
        total_y += weight_y
    share = 1.0 / (total_y * total_x)
    red, green, blue = _level(red * share), _level(green * share), _level(blue * share)

    if FINISHED:
        own = matrix + sample * 12
        red, green, blue = (
            dot(own, red, green, blue),
            dot(own + 4, red, green, blue),
            dot(own + 8, red, green, blue),
        )
    kind = out.dtype.element_ty
    red, green, blue = red.to(kind), green.to(kind), blue.to(kind)
    channels = four(red, green, blue, blue)  # the fourth is masked: see `finish_triton`
    position, channel = tl.arange(0, BLOCK)[:, None], tl.arange(0, 4)[None, :]
    target = out + (sample * size * size + first) * 3 + (position * 3 + channel)
    tl.store(target, channels, mask=(position < size * size - first) & (channel < 3))


@triton.jit
def _taps(place, box, grid, FILTER: tl.constexpr):
    """For outputs at `place` of a grid, along one axis: the first source pixel of the box that has
    weight, by how much its centre is from the output's, the reach of the filter, and how many
    pixels may have weight. Distances are in units of 1 / (2 * grid) source pixels, whole numbers.
    """
    reach = 2 * tl.maximum(box, grid)
    if FILTER == _BICUBIC:
        reach *= 2
    centre = (2 * place + 1).to(tl.int64) * box  # the one number that 32 bits may not hold
    beyond = tl.maximum(centre - reach - grid, -2 * grid)  # so that the division does not round up
    low = (beyond + 2 * grid) // (2 * grid)
    away = (2 * low + 1) * grid - centre
    return low.to(tl.int32), away.to(tl.int32), reach, (reach + grid - 1) // grid


@triton.jit
def _word(address):
    return tl.load(address).to(tl.int32)


@triton.jit
def _weight(away, reach, source, box, FILTER: tl.constexpr):
    """What a source pixel counts, up to a factor: nothing outside of the box."""
    rest = tl.where(source < box, tl.maximum(reach - tl.abs(away), 0), 0).to(tl.float32)
    if FILTER == _BICUBIC:
        # From the filter's foot inwards, where it has two zeros: nothing cancels there.
        foot = 2.0 * (rest / reach.to(tl.float32))
        x = 2.0 - foot
        rest = tl.where(foot > 1.0, (1.5 * x - 2.5) * x * x + 1.0, 0.5 * (foot - 1.0) * foot * foot)
    return rest


@triton.jit
def _level(value):
    """Rounded and clipped as a uint8 would be."""
    return tl.maximum(tl.minimum(tl.floor(value + 0.5), 255.0), 0.0)
