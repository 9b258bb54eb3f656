"""The shared PIL path: what PIL makes of a file is the definition of its pixels.

Pictures that a back end cannot decode, or could decode differently, are decoded here for every
pipeline; so is whatever `fasttricks.data.probe` cannot settle from the header. Safe to call from
many threads.
"""

from __future__ import annotations

import functools
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from fasttricks.errors import DataError

Encoded = bytes | memoryview | NDArray[np.uint8]
Pixels = NDArray[np.uint8]

# Pictures only: PIL would also start Ghostscript for a file that begins like PostScript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")

_ORIENTATION = 0x0112
_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_filters: warnings.catch_warnings[None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A decoded file."""

    pixels: Pixels
    """uint8 [H, W, 3], RGB, 0 to 255, contiguous, writable."""
    components: int
    """Channels before the conversion to RGB: 1 also for a palette, 4 for CMYK and RGBA."""
    progressive: bool
    """Progressive JPEG."""
    orientation: int
    """EXIF orientation 1 to 8, 1 if there is none; it is *not* applied."""


def scaled(pixels: Pixels, scale: float) -> Pixels:
    """A picture with sides `scale` times as long, of at least a pixel each; PIL's Lanczos."""
    height, width, _ = pixels.shape
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def decode_rgb(data: Encoded) -> Pixels:
    """Decode one picture of any kind to uint8 [H, W, 3] RGB, as `Image.open(…).convert("RGB")`.

    An animation gives its first frame; transparency is dropped; EXIF orientation is ignored (PIL
    turns a TIFF by its own). Pictures above twice `PIL.Image.MAX_IMAGE_PIXELS` (179 megapixels
    unless the program changed it) are refused, as PIL does; PIL's warnings about smaller ones and
    about metadata are kept quiet.

    Raises:
        DataError: whatever the bytes are, if PIL cannot decode them to the end; says why.
    """
    return decode(data).pixels


def decode(data: Encoded) -> Picture:
    """As `decode_rgb`, with what else PIL knows of the file."""
    with opened(data) as image:
        pixels = np.array(image.convert("RGB"))
        return Picture(
            pixels=pixels,
            components=len(image.getbands()),
            progressive=bool(image.info.get("progressive")),
            orientation=_orientation(image),
        )


def check_header(data: Encoded) -> None:
    """Raise `DataError` if PIL would refuse the file before it decodes any pixel."""
    with opened(data):
        pass


def ppm(pixels: Pixels) -> Pixels:
    """uint8 [H, W, 3] RGB to the bytes of a binary PPM (P6), uint8 [N].

    Lossless, and nearly free to decode: how an odd picture enters a back end that takes only
    encoded files, DALI for one.
    """
    height, width, channels = pixels.shape
    if channels != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"expected uint8 [H, W, 3], got {pixels.dtype} {list(pixels.shape)}")
    header = np.frombuffer(b"P6\n%d %d\n255\n" % (width, height), np.uint8)
    return np.concatenate([header, pixels.reshape(-1)])


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings that PIL raises, in all threads, while any thread is inside.

    `warnings.catch_warnings` alone would not do: its filters belong to the process, and two threads
    that leave in the wrong order would bring back each other's.
    """
    global _quiet_depth, _quiet_filters
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_filters = warnings.catch_warnings()
            _quiet_filters.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0 and _quiet_filters is not None:
                _quiet_filters.__exit__(None, None, None)


@contextmanager
def opened(data: Encoded) -> Iterator[Any]:
    """The `PIL.Image.Image` of one picture, its pixels not decoded yet, for a `with` statement.

    Raises:
        DataError: PIL refuses the file, or fails on its pixels in the body of the `with`.
    """
    if len(data) == 0:
        raise DataError("the file is empty")
    try:
        stored = data if isinstance(data, bytes) else np.frombuffer(data, np.uint8).tobytes()
        with quiet(), Image.open(io.BytesIO(stored), formats=_known_formats()) as image:
            yield image
    except UnidentifiedImageError:
        raise DataError("PIL does not recognise it as a picture") from None
    except MemoryError:
        raise  # says nothing about the file
    # PIL's parsers raise nearly every built-in exception on hostile bytes.
    except Exception as error:
        raise DataError(f"PIL cannot decode it: {str(error) or type(error).__name__}") from error


@functools.cache
def _known_formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this PIL was built with; it fails on the name of any other."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _orientation(image: Any) -> int:
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF does not make a picture bad
        return 1
    return orientation if orientation in range(1, 9) else 1
