"""Flip, colour, normalise and mix on the CPU: each pixel is written once, without the GIL.

The mix is linear and so is what is done to a picture, so weights fold into matrices: a pixel of two
sources is one sum over six bytes, and under a constant the own picture gets a smaller A, another b.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.finish_rows import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    SCRATCH,
    STREAMED,
    Out,
    Part,
    write,
    write_row,
    write_two,
)
from fasttricks.kernels.jit import kernel
from fasttricks.kernels.mix.description import CONSTANT, Mixes
from fasttricks.kernels.noise import add_noise
from fasttricks.kernels.rgb import PIXELS, STREAM, settle

__all__ = ["BFLOAT16", "FLOAT16", "FLOAT32", "finish", "finish_mixed"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]
"""(top, left, height, width)."""


class Batch(NamedTuple):
    """What goes in, see `finish`."""

    pixels: Bytes
    matrix: Floats
    flip: Bytes
    origin: int
    """By which number the first of them is called."""


@kernel
def finish(
    pixels: Bytes,
    matrix: Floats,
    flip: Bytes,
    out: NDArray[Any],
    form: int,
    first: int,
    last: int,
) -> None:
    """Write y_c = A[c, :] . rgb + b[c] of samples [first, last), nothing clamped.

    Single-threaded; threads or workers may take ranges of the same batch at the same time. Callable
    from other numba code. Shapes are not checked: `kernels.finish.finish` does that.

    Args:
        pixels: uint8 [B, H, W, 3], pixels contiguous, rows and samples at any distance.
        matrix: float32 [B, 3, 4]: A and, as the last column, b.
        flip: uint8 or bool [B]; where it is not 0 the picture is mirrored left-right.
        out: [B, H, W, 3], pixels contiguous; float32 if `form` is FLOAT32, else uint16. Rounding is
            to nearest even; the result must not be NaN.
    """
    batch, scratch = Batch(pixels, matrix, flip, 0), np.zeros(SCRATCH, np.uint8)
    box = 0, 0, out.shape[1], out.shape[2]
    for n in range(first, last):
        write(_part(batch, n, box, 1), _out(out, n, box, form), scratch)
    settle()


@kernel
def finish_mixed(
    pixels: Bytes,
    matrix: Floats,
    flip: Bytes,
    mixes: Mixes,
    out: NDArray[Any],
    form: int,
    first: int,
    last: int,
    origin: int = 0,
) -> None:
    """Write outputs [first, last) as `mixes`, MIX [B_out], makes them of pictures [B_in].

    As `finish` otherwise. The descriptions are not checked: `kernels.mix.description.check` does
    that. Of the pictures only those need be given that these outputs are made of, from number
    `origin` on.
    """
    batch, scratch = Batch(pixels, matrix, flip, origin), np.zeros(SCRATCH, np.uint8)
    height, width = out.shape[1], out.shape[2]
    begins = np.int64(out.ctypes.data) | out.strides[0] | out.strides[1]  # of all rows
    streamed = form == FLOAT32 and begins % STREAM == 0
    for n in range(first, last):
        mix = mixes[n]
        top = 0
        while top < height:
            bottom = _next_row(mix, top, height)
            left = 0
            while left < width:
                right = _next_column(mix, top, left, width)
                if streamed:
                    right = _whole_steps(left, right)
                box = top, left, bottom - top, right - left
                _cell(batch, mix, box, _out(out, n, box, form), width, scratch)
                left = right
            top = bottom
    settle()


@kernel
def _next_row(mix: Any, top: int, end: int) -> int:
    """The first edge of a patch below `top`, or `end`: up to there all rows are alike."""
    for i in range(mix.count):
        patch = mix.patches[i]
        end = _edge(top, patch.top, patch.height, end)
    return end


@kernel
def _next_column(mix: Any, top: int, left: int, end: int) -> int:
    """The first edge, right of `left`, of a patch that crosses row `top`, or `end`."""
    for i in range(mix.count):
        patch = mix.patches[i]
        if patch.top <= top < patch.top + patch.height:
            end = _edge(left, patch.left, patch.width, end)
    return end


@kernel
def _whole_steps(left: int, right: int) -> int:
    """Where to end a cell so that the whole steps of PIXELS inside it are a cell of their own,
    which can be streamed."""
    step = (left // PIXELS + 1) * PIXELS
    if left % PIXELS or right < step:
        return min(right, step)
    return right // PIXELS * PIXELS


@kernel
def _edge(at: int, begin: int, length: int, end: int) -> int:
    """Whichever of `begin`, `begin + length` and `end` comes first behind `at`."""
    if at < begin < end:
        return begin
    if at < begin + length < end:
        return begin + length
    return end


@kernel
def _patch_at(mix: Any, y: int, x: int) -> int:
    """The number of the last patch that contains (y, x), or -1."""
    for i in range(mix.count - 1, -1, -1):
        patch = mix.patches[i]
        down, across = y - patch.top, x - patch.left
        if 0 <= down < patch.height and 0 <= across < patch.width:
            return i
    return -1


@kernel
def _cell(batch: Batch, mix: Any, box: Box, out: Out, width: int, scratch: Bytes) -> None:
    """Write the rectangle `box` of a picture `width` wide, in which all pixels are made alike."""
    index = _patch_at(mix, box[0], box[1])
    if index < 0:
        write(_part(batch, mix.own, box, 1), out, scratch)
        return
    patch = mix.patches[index]
    own = _part(batch, mix.own, box, 1 - patch.weight)
    if patch.source == CONSTANT:
        own = _brighter(own, patch.weight, patch.value)
        deviation = patch.weight * patch.noise
        if deviation > 0:
            _write_noisy(own, mix, deviation, box, width, out, scratch)
        else:
            write(own, out, scratch)
        return
    top, left = patch.from_top + box[0] - patch.top, patch.from_left + box[1] - patch.left
    shown = _part(batch, patch.source, (top, left, box[2], box[3]), patch.weight)
    if patch.weight == 1:
        write(shown, out, scratch)
    else:
        write_two(own, shown, out, scratch)


@kernel
def _part(batch: Batch, sample: int, box: Box, weight: float) -> Part:
    """The rectangle `box` of a sample after its flip, its values times `weight`."""
    top, left, _, width = box
    sample -= batch.origin
    mirrored = batch.flip[sample] != 0
    if mirrored:
        left = batch.pixels.shape[2] - left - width
    strides, m, w = batch.pixels.strides, batch.matrix[sample], np.float32(weight)
    return Part(
        np.int64(batch.pixels.ctypes.data) + sample * strides[0] + top * strides[1] + 3 * left,
        strides[1],
        mirrored,
        (
            *(w * m[0, 0], w * m[0, 1], w * m[0, 2]),
            *(w * m[1, 0], w * m[1, 1], w * m[1, 2]),
            *(w * m[2, 0], w * m[2, 1], w * m[2, 2]),
        ),
        (w * m[0, 3], w * m[1, 3], w * m[2, 3]),
    )


@kernel
def _brighter(part: Part, weight: float, value: Floats) -> Part:
    """The same part, `weight` times `value`, R, G, B, added."""
    b = part.offsets
    offsets = b[0] + weight * value[0], b[1] + weight * value[1], b[2] + weight * value[2]
    return Part(part.address, part.stride, part.mirrored, part.weights, offsets)


@kernel
def _out(out: NDArray[Any], sample: int, box: Box, form: int) -> Out:
    """The rectangle `box` of a result [B, H, W, 3]."""
    strides = out.strides
    address = np.int64(out.ctypes.data) + sample * strides[0]
    address += box[0] * strides[1] + box[1] * strides[2]
    if form == FLOAT32 and (address | strides[1]) % STREAM == 0 and box[3] % PIXELS == 0:
        form = STREAMED
    return Out(address, strides[1], box[2], box[3], out.itemsize, form)


@kernel
def _write_noisy(
    part: Part, mix: Any, deviation: float, box: Box, width: int, out: Out, scratch: Bytes
) -> None:
    """Write a part plus noise, as the rectangle `box` of a picture `width` wide."""
    key = np.uint64(mix.key[0]) | np.uint64(mix.key[1]) << np.uint64(32)
    counter = mix.counter[0], mix.counter[1], mix.counter[2]
    offsets = np.zeros((3, max(out.width, PIXELS)), np.float32)
    for y in range(out.height):
        for c in range(3):
            offsets[c] = part.offsets[c]
        first = (box[0] + y) * width + box[1]
        add_noise(first, counter, key, deviation, out.width, offsets)
        write_row(part, y, offsets, out, scratch)
