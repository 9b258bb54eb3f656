"""Rectangles of finished pixels on the CPU: what `kernels.finish_numba` is made of.

Memory is given as addresses, integers in bytes that need no alignment: arrays would be counted up
and down at every step. Nothing is checked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.rgb import (
    PIXELS,
    affine,
    copy,
    load_floats,
    load_pixels,
    store_bfloat16,
    store_float16,
    store_float32,
    stream_float32,
)

FLOAT32, FLOAT16, BFLOAT16 = 0, 1, 2
"""Formats of a result; the last two are uint16 arrays of the bits, as numba has neither type."""
STREAMED = 3
"""FLOAT32 past the caches, which a batch is too large for: see `stream_float32`. For rectangles
whose address and stride it takes and whose width is a multiple of PIXELS."""

Address = int | np.int64
Nine = tuple[float, float, float, float, float, float, float, float, float]
Three = tuple[float, float, float]

SCRATCH = 16 * PIXELS * 3
"""Bytes that a rectangle narrower than PIXELS needs."""


class Part(NamedTuple):
    """A rectangle of a picture and what is done to its pixels."""

    address: Address
    """Of the first pixel in memory, uint8 R, G, B."""
    stride: int
    """Bytes from a row to the next."""
    mirrored: bool
    """Whether rows are written in reverse."""
    weights: Nine
    """A, row by row."""
    offsets: Three
    """b."""


class Out(NamedTuple):
    """Where a rectangle is written."""

    address: Address
    stride: int
    height: int
    width: int
    size: int
    """Bytes of a number."""
    form: int


@kernel
def write(part: Part, out: Out, scratch: NDArray[np.uint8]) -> None:
    """Write A . rgb + b."""
    room = np.int64(scratch.ctypes.data)
    for y in range(out.height):
        line, target = _line(part, y, out, room), _target(out, y, room)
        width = max(out.width, PIXELS)
        for begin in range(0, width, PIXELS):
            x = min(begin, width - PIXELS)  # the last step may do some pixels again
            pixels = _load(line, part.mirrored, x, width)
            _store(target, x, out, affine(pixels, part.weights, part.offsets))
        _hand_over(out, y, room)


@kernel
def write_two(part: Part, part2: Part, out: Out, scratch: NDArray[np.uint8]) -> None:
    """Write the sum of what `write` would write for two parts."""
    room = np.int64(scratch.ctypes.data)
    b, b2 = part.offsets, part2.offsets
    offsets = b[0] + b2[0], b[1] + b2[1], b[2] + b2[2]
    for y in range(out.height):
        line, target = _line(part, y, out, room), _target(out, y, room)
        line2 = _line(part2, y, out, room + 3 * PIXELS)
        width = max(out.width, PIXELS)
        for begin in range(0, width, PIXELS):
            x = min(begin, width - PIXELS)
            made = affine(_load(line, part.mirrored, x, width), part.weights, offsets)
            pixels2 = _load(line2, part2.mirrored, x, width)
            _store(target, x, out, affine(pixels2, part2.weights, made))
        _hand_over(out, y, room)


@kernel
def write_row(
    part: Part, y: int, offsets: NDArray[np.float32], out: Out, scratch: NDArray[np.uint8]
) -> None:
    """Write A . rgb + offsets, [3, width or PIXELS if more]: one row, one b for each pixel."""
    room = np.int64(scratch.ctypes.data)
    line, target = _line(part, y, out, room), _target(out, y, room)
    width = max(out.width, PIXELS)
    for begin in range(0, width, PIXELS):
        x = min(begin, width - PIXELS)
        at, step = np.int64(offsets.ctypes.data) + 4 * x, offsets.strides[0]
        own = load_floats(at), load_floats(at + step), load_floats(at + 2 * step)
        _store(target, x, out, affine(_load(line, part.mirrored, x, width), part.weights, own))
    _hand_over(out, y, room)


@kernel
def _line(part: Part, y: int, out: Out, room: Address) -> Address:
    """The address of row `y`; if it has fewer than PIXELS pixels, of a longer one made of it."""
    address = part.address + y * part.stride
    if out.width >= PIXELS:
        return address
    begin = PIXELS - out.width if part.mirrored else 0  # so that they are written first
    copy(room + 3 * begin, address, 3 * out.width)
    return room


@kernel
def _target(out: Out, y: int, room: Address) -> Address:
    """The address of row `y`, or of a longer one that stands in for it."""
    return out.address + y * out.stride if out.width >= PIXELS else room + 6 * PIXELS


@kernel
def _hand_over(out: Out, y: int, room: Address) -> None:
    """Put a row that stood in where it belongs."""
    if out.width < PIXELS:
        copy(out.address + y * out.stride, room + 6 * PIXELS, 3 * out.size * out.width)


@kernel
def _load(line: Address, mirrored: bool, x: int, width: int) -> Any:
    """The pixels that are written to `x` and on."""
    start = width - PIXELS - x if mirrored else x
    return load_pixels(line + 3 * start, mirrored)


@kernel
def _store(target: Address, x: int, out: Out, made: Any) -> None:
    """Write three vectors as pixels `x` and on."""
    address = target + 3 * out.size * x
    if out.form == STREAMED:
        stream_float32(address, made)
    elif out.form == FLOAT32:
        store_float32(address, made)
    elif out.form == FLOAT16:
        store_float16(address, made)
    else:
        store_bfloat16(address, made)
