"""The samples of a part of a JPEG, a plane for each component, and the pixels that they make."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes, i64
from fasttricks.kernels.jpeg.colour import (
    PIXELS,
    double_both,
    double_width,
    write_grey,
    write_rgb,
)
from fasttricks.kernels.jpeg.segments import Header

Planes: TypeAlias = Any
"""A record of type `PLANES`."""

Pair: TypeAlias = tuple[int, int]

OTHER, GREY, FULL, HALF_WIDTH, HALF_BOTH = range(5)
"""Kinds of pictures: chroma is not there, has all samples, or fewer; `OTHER` is not done here."""

PLANES = np.dtype(
    [
        ("kind", np.int64),
        ("top", np.int64),
        ("left", np.int64),
        ("start", np.int64, (3,)),
        ("stride", np.int64, (3,)),
        ("doubled", np.int64, (3,)),
    ],
    align=True,
)
"""Where planes lie in an array of bytes: the first sample of each component, at pixel (top, left)
of the picture, and how far it is from one row to the next; and a row of doubled chroma for each."""

SPILL = 3 * PIXELS
"""Bytes behind the last pixel that `write_pixels` may overwrite."""

_EDGE = PIXELS  # bytes before and behind each row of samples
_LEAST_WIDTH = 5  # of pictures whose chroma libjpeg-turbo doubles smoothly


@kernel
def kind_of(data: Bytes, header: Header) -> int:
    """The kind of a picture, from a header that `read_header` has found good."""
    h, v = header.h, header.v
    if header.components == 1:
        return GREY
    if not _is_ycc(data, header) or max(h[1], h[2], v[1], v[2]) > 1:
        return OTHER
    if h[0] == 1 and v[0] == 1:
        return FULL
    if h[0] == 2 and v[0] <= 2 and header.width >= _LEAST_WIDTH:
        return HALF_WIDTH if v[0] == 1 else HALF_BOTH
    return OTHER


@kernel
def _is_ycc(data: Bytes, header: Header) -> bool:
    """Whether three components are plainly YCbCr: by JFIF, by Adobe's mark, or by their names."""
    if header.jfif_at:
        return True
    if header.adobe_at:
        return data[header.adobe_at + 11] == 1
    return header.id[0] == 1 and header.id[1] == 2 and header.id[2] == 3


@kernel
def planes_bound(rows: int, columns: int) -> int:
    """Bytes that suffice for planes of whole MCUs of rows x columns pixels, of any kind."""
    return 3 * (rows + 1) * (columns + 2 * _EDGE) + _EDGE


@kernel
def lay_planes(header: Header, kind: int, corner: Pair, mcus: Pair, planes: Planes) -> int:
    """Fill `planes` for (rows, columns) of MCUs from pixel (top, left) on; the bytes they take."""
    planes.kind = kind
    planes.top, planes.left = corner
    at = i64(_EDGE)
    for c in range(header.components):
        planes.start[c] = at
        planes.stride[c] = 8 * header.h[c] * mcus[1] + 2 * _EDGE
        at += planes.stride[c] * 8 * header.v[c] * mcus[0]
    for c in range(1, header.components):
        planes.doubled[c] = at
        at += planes.stride[0]
    return at


@kernel
def write_pixels(
    header: Header,
    planes: Planes,
    samples: Bytes,
    top: int,
    left: int,
    height: int,
    width: int,
    out: Bytes,
) -> None:
    """Make the pixels of a box from planes that hold it, and `MARGIN` samples around it.

    Args:
        samples: what `planes` describes; edges of chroma are written.
        top, left, height, width: the box, in pixels of the picture.
        out: uint8, RGB without gaps between rows, and `SPILL` bytes more.
    """
    if planes.kind > FULL:
        _extend(header, planes, samples)
    base = i64(samples.ctypes.data)
    for y in range(top, top + height):
        target = i64(out.ctypes.data) + 3 * width * (y - top)
        luma = base + _sample(planes, 0, y - planes.top, left - planes.left)
        if planes.kind == GREY:
            for x in range(0, width, PIXELS):
                write_grey(luma + x, target + 3 * x)
            continue
        if planes.kind == FULL:
            cb = base + _sample(planes, 1, y - planes.top, left - planes.left)
            cr = base + _sample(planes, 2, y - planes.top, left - planes.left)
        else:
            cb = _doubled(header, planes, base, 1, y, left, width)
            cr = _doubled(header, planes, base, 2, y, left, width)
        for x in range(0, width, PIXELS):
            write_rgb(luma + x, cb + x, cr + x, target + 3 * x)


@kernel
def _sample(planes: Planes, c: int, row: int, column: int) -> int:
    return planes.start[c] + planes.stride[c] * row + column


@kernel
def _extend(header: Header, planes: Planes, samples: Bytes) -> None:
    """Repeat the first and the last sample of each row of chroma beyond the picture's edges."""
    last = (header.width + 1) // 2 - 1 - planes.left // 2
    for c in range(1, 3):
        stride = planes.stride[c]
        inside = last < stride - 2 * _EDGE
        end = planes.start[c] + (planes.doubled[1] - planes.start[1]) // 2
        for row in range(planes.start[c], end, stride):
            if planes.left == 0:
                samples[row - 1] = samples[row]
            if inside:
                samples[row + last + 1] = samples[row + last]


@kernel
def _doubled(
    header: Header, planes: Planes, base: int, c: int, y: int, left: int, width: int
) -> int:
    """Double what a row of the box needs of a component; the address of its first sample."""
    begin, end = left // 2 - planes.left // 2, (left + width + 1) // 2 - planes.left // 2
    target = base + planes.doubled[c]
    if planes.kind == HALF_WIDTH:
        source = base + _sample(planes, c, y - planes.top, 0)
        for x in range(begin, end, PIXELS):
            double_width(source + x, target + 2 * (x - begin))
        return target + left % 2
    first, last = planes.top // 2, (header.height + 1) // 2 - 1
    near, far = y // 2, min(max(y // 2 - 1 + y % 2 * 2, 0), last)
    near = base + _sample(planes, c, near - first, 0)
    far = base + _sample(planes, c, far - first, 0)
    for x in range(begin, end, PIXELS):
        double_both(near + x, far + x, target + 2 * (x - begin))
    return target + left % 2
