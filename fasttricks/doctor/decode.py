"""Decoding a picture completely, by the decoders that the pipelines use."""

from __future__ import annotations

from types import ModuleType
from typing import NamedTuple

from fasttricks.data.pixels import Pixels, decode_rgb
from fasttricks.data.probe import Kind, Probe
from fasttricks.errors import DataError

try:
    from fasttricks.pipelines.decode import turbojpeg as _found

    turbojpeg: ModuleType | None = _found
except ImportError:  # the system's library is missing
    turbojpeg = None


class Decoded(NamedTuple):
    """What became of a picture."""

    height: int
    """Pixels, as the decoder has it; likewise `width`."""
    width: int
    complaint: str
    """What libturbojpeg said about a picture that PIL then decoded; "" if nothing."""


def decoder_name() -> str:
    """What decodes ordinary JPEGs on this machine."""
    return "libturbojpeg" if turbojpeg is not None else "PIL"


def decode_whole(data: bytes, probe: Probe, pixels: Pixels | None) -> Decoded:
    """Decode to the last pixel: a plain JPEG by libturbojpeg where there is one, the rest by PIL.

    Args:
        data: the whole file.
        probe, pixels: what `probe_and_decode` found; a bad file is not decoded again.

    Raises:
        DataError: neither can decode it, says why.
    """
    if probe.kind == Kind.BAD:
        raise DataError(probe.reason)
    complaint = ""
    if probe.kind == Kind.PLAIN and turbojpeg is not None:
        try:
            height, width = turbojpeg.stored_size(data)
            turbojpeg.decode(data, height, width)
            return Decoded(height, width, "")
        except DataError as error:  # PIL decides, as it does in the pipelines
            complaint = str(error)
    if pixels is None:
        pixels = decode_rgb(data)
    return Decoded(pixels.shape[0], pixels.shape[1], complaint)
