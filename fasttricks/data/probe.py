"""Good, odd or bad: decided once for every file, before any pipeline sees it.

`probe` reads a JPEG's header and searches its data for markers. A file in which nothing is unusual
is `PLAIN`: all back ends then give the same pixels. Anything else is settled by letting PIL decode
it, which is slow and rare.
"""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fasttricks.data import pixels as pil
from fasttricks.data.jpeg_frame import NOT_JPEG, PLAIN, REASONS, Bytes
from fasttricks.data.jpeg_header import walk
from fasttricks.errors import DataError


class Kind(enum.IntEnum):
    """How a picture may be decoded."""

    PLAIN = 0
    """An ordinary grey or YCbCr JPEG: all builds of libjpeg-turbo give PIL's pixels exactly."""
    ODD = 1
    """Good, but only `fasttricks.data.pixels.decode_rgb` is sure to give PIL's pixels."""
    BAD = 2
    """PIL cannot decode it; every pipeline rejects it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What is known of a picture without a pipeline."""

    kind: Kind
    height: int
    """Pixels as stored (EXIF orientation is not applied); of a bad file 0, or what it claims."""
    width: int
    components: int
    """1 grey or palette, 3 colour, 4 CMYK or with alpha; of a bad file 0, or what it claims."""
    progressive: bool
    orientation: int
    """EXIF orientation, 1 to 8; 1 if there is none or it is unreadable."""
    reason: str
    """Why it is odd or bad, in words; "" if plain."""


def probe(data: pil.Encoded) -> Probe:
    """Classify one encoded picture. Never raises, whatever the bytes are."""
    return probe_and_decode(data)[0]


def probe_and_decode(data: pil.Encoded) -> tuple[Probe, pil.Pixels | None]:
    """As `probe`, with uint8 [H, W, 3] RGB where finding out took decoding the file.

    Those are the pixels of an `ODD` picture; for the other kinds there is None.
    """
    fault, doubt, height, width, components, progressive, orientation = walk(_readonly(data))
    reason = REASONS[fault]
    try:
        if fault == PLAIN and height * width <= most_pixels():
            if doubt:
                pil.check_header(data)
            picture = None
        else:
            picture = pil.decode(data)
            height, width, _ = picture.pixels.shape
            components = picture.components
            progressive = picture.progressive
            orientation = picture.orientation
        kind = Kind.PLAIN if picture is None else Kind.ODD
    except DataError as error:
        picture, kind = None, Kind.BAD
        told = fault not in (PLAIN, NOT_JPEG)
        reason = f"{reason}; {error}" if told else str(error)
    result = Probe(
        kind=kind,
        height=height,
        width=width,
        components=components,
        progressive=bool(progressive),
        orientation=orientation,
        reason=reason,
    )
    return result, None if picture is None else picture.pixels


def _readonly(data: pil.Encoded) -> Bytes:
    """A flat read-only view, so that numba compiles `walk` for one type of array only."""
    view = np.frombuffer(data, np.uint8)
    view.flags.writeable = False
    return view


def most_pixels() -> int:
    """What PIL does not refuse as a decompression bomb; the program may set the limit."""
    limit = Image.MAX_IMAGE_PIXELS
    return sys.maxsize if limit is None else int(min(2 * limit, sys.maxsize))
