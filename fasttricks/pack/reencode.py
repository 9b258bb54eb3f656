"""What becomes of one picture on its way into a pack. Called from many threads, mostly without GIL.

A picture keeps its bytes unless a setting asks for something else and it can be done well: odd and
bad ones are packed as they are, so that every pipeline rejects the same samples as in the source.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from fasttricks.data.pixels import decode_rgb, scaled
from fasttricks.data.probe import Kind, Probe, probe_and_decode
from fasttricks.data.samples import Samples
from fasttricks.errors import BadSampleError, DataError, FasttricksError
from fasttricks.kernels.jpeg.seek import FRAME, TILE_PIXELS, inspect
from fasttricks.kernels.jpeg.segments import (
    BAD_HEADER,
    BAD_HUFFMAN,
    NO_HEIGHT,
    OTHER_PROCESS,
    PROGRESSIVE,
    REASONS,
    SEVERAL_SCANS,
)
from fasttricks.pack.settings import PackSettings

BASELINE, REDUCED, KEPT, BAD = "baseline", "reduced", "kept", "bad"
"""What was done to a picture: encoded again without loss; made smaller; not what was asked for,
since it could not be done well; kept although no pipeline can decode it."""

_CONVERTIBLE = {BAD_HEADER, BAD_HUFFMAN, NO_HEIGHT, OTHER_PROCESS, PROGRESSIVE, SEVERAL_SCANS}
"""Why a JPEG cannot be cut, where libjpeg might write it so that it can be."""
_ORIENTATION = 0x0112  # EXIF tag
_JFIF_END = 20  # SOI and the APP0 with which libjpeg begins

Pixels = npt.NDArray[np.uint8]


class Packed(NamedTuple):
    """A picture as it will stand in a shard."""

    data: bytes
    crc: int
    """CRC-32 of `data`."""
    ending: str | None = None
    """Of its name, where that has changed."""
    note: dict[str, Any] | None = None
    """For the manifest, if there is something to say: "did" (one of the above), "why", "before" and
    "after" (width, height, bytes)."""


@dataclass(frozen=True)
class Packer:
    """Reads pictures and makes of them what the settings say.

    Raises:
        FasttricksError: the settings need libturbojpeg, and it is missing.
    """

    samples: Samples
    settings: PackSettings

    def __post_init__(self) -> None:
        if self.settings.baseline or self.settings.max_size is not None:
            try:
                import fasttricks.pipelines.decode.transcode  # noqa: F401
            except ImportError as error:
                raise FasttricksError(str(error)) from error

    def __call__(self, index: int) -> Packed:
        try:
            data = self.samples.read(index)
        except BadSampleError as error:
            return _noted(b"", b"", BAD, error.cause)
        facts, pixels = probe_and_decode(data)
        if facts.kind == Kind.BAD:
            return _noted(data, data, BAD, facts.reason)
        bound = self.settings.max_size
        too_large = bound is not None and min(facts.height, facts.width) > bound
        why = _why_uncut(data, facts) if self.settings.baseline and not too_large else ""
        if not (too_large or why):
            return Packed(data, zlib.crc32(data))
        try:
            pixels = decode_rgb(data) if pixels is None else pixels
        except DataError as error:
            return _noted(data, data, BAD, str(error))
        if too_large:
            return self._reduced(data, pixels, facts.orientation)
        return _baseline(data, pixels, why)

    def _reduced(self, data: bytes, pixels: Pixels, orientation: int) -> Packed:
        """The picture with its shorter side at `max_size`, as a JPEG."""
        from fasttricks.pipelines.decode.turbojpeg import encode

        bound = self.settings.max_size
        assert bound is not None
        why = f"shorter side over {bound}"
        small = scaled(pixels, bound / min(pixels.shape[:2]))
        try:
            new = encode(small, self.settings.jpeg_quality)
        except DataError as error:  # longer than a JPEG can be
            return _noted(data, data, KEPT, f"{why}; {error}", pixels, pixels)
        if orientation != 1:
            new = _with_orientation(new, orientation)
        return _noted(data, new, REDUCED, why, pixels, small, "jpg")


def _baseline(data: bytes, pixels: Pixels, why: str) -> Packed:
    """The JPEG encoded again if PIL makes the same `pixels` of it, else as it is."""
    from fasttricks.pipelines.decode.transcode import to_baseline

    try:
        new = to_baseline(data)
        if not np.array_equal(decode_rgb(new), pixels):
            raise DataError("its pixels would change")
    except DataError as error:
        return _noted(data, data, KEPT, f"{why}; {error}", pixels, pixels)
    return _noted(data, new, BASELINE, why, pixels, pixels)


def _why_uncut(data: bytes, facts: Probe) -> str:
    """Why cutting this JPEG fails, if encoding it again might help; else ""."""
    frames = np.zeros(1, FRAME)
    inspect(np.frombuffer(data, np.uint8), TILE_PIXELS, frames[0])
    status = int(frames[0]["status"])
    if facts.progressive:  # which CMYK can be, too
        return REASONS[PROGRESSIVE]
    return REASONS[status] if status in _CONVERTIBLE else ""


def _with_orientation(data: bytes, orientation: int) -> bytes:
    """A JPEG of libjpeg's making with EXIF that says nothing but which side is up."""
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    body: bytes = exif.tobytes()
    segment = b"\xff\xe1" + (2 + len(body)).to_bytes(2, "big") + body
    return data[:_JFIF_END] + segment + data[_JFIF_END:]


def _noted(
    data: bytes,
    new: bytes,
    did: str,
    why: str,
    pixels: Pixels | None = None,
    new_pixels: Pixels | None = None,
    ending: str | None = None,
) -> Packed:
    """What to pack, `new`, and what the manifest says of it."""
    note = {
        "did": did,
        "why": why,
        "before": _facts(data, pixels),
        "after": _facts(new, new_pixels),
    }
    return Packed(new, zlib.crc32(new), ending, note)


def _facts(data: bytes, pixels: Pixels | None) -> dict[str, int]:
    facts = {"bytes": len(data)}
    if pixels is not None:
        facts |= {"width": pixels.shape[1], "height": pixels.shape[0]}
    return facts
