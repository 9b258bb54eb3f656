"""What a JPEG's header says, for a person to read, as PIL reads it."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from fasttricks.data.pixels import opened
from fasttricks.errors import DataError

_SUBSAMPLING = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (1, 2): "4:4:0",
    (2, 2): "4:2:0",
    (4, 1): "4:1:1",
}
_ADOBE = {0: "no conversion (RGB or CMYK)", 1: "YCbCr", 2: "YCCK"}
_DENSITY = {0: "aspect", 1: "dpi", 2: "dots per cm"}


def jpeg_facts(data: bytes) -> dict[str, Any]:
    """How a JPEG is coded and what it carries besides pixels; why it cannot be read, if so.

    Args:
        data: the whole file.
    """
    try:
        with opened(data) as image:
            return _facts(image)
    except DataError as error:
        return {"unreadable": str(error)}


def _facts(image: Any) -> dict[str, Any]:
    layer: list[tuple[int, int, int, int]] = image.layer  # id, factors, table of each component
    facts = {
        "process": "progressive" if image.info.get("progressive") else "sequential",
        "precision_bits": image.bits,
        "height": image.height,
        "width": image.width,
        "components": [
            dict(zip(("id", "horizontal", "vertical", "table"), one, strict=True)) for one in layer
        ],
        "subsampling": _subsampling([(h, v) for _, h, v, _ in layer]),
        "quality": _quality([list(image.quantization.get(table, ())) for *_, table in layer]),
    }
    return facts | _metadata(image.info)


def _subsampling(factors: Sequence[tuple[int, int]]) -> str:
    """ "4:2:0" and its like where there is such a name, else the factors of all components."""
    if len(factors) == 1:
        return "none (one component)"
    if len(factors) == 3 and list(factors[1:]) == [(1, 1)] * 2 and factors[0] in _SUBSAMPLING:
        return _SUBSAMPLING[factors[0]]
    return " ".join(f"{h}x{v}" for h, v in factors)


def _quality(tables: Sequence[list[int]]) -> int | None:
    """libjpeg's quality, if the tables of all components, luma's first, are libjpeg's."""
    for quality in range(100, 0, -1):
        luma, chroma = _tables_of(quality)
        if tables == [luma, chroma, chroma][: len(tables)]:
            return quality
    return None


@functools.cache
def _tables_of(quality: int) -> tuple[list[int], list[int]]:
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "JPEG", quality=quality)
    tables = getattr(Image.open(file), "quantization")  # noqa: B009 (of JPEGs alone)
    return list(tables[0]), list(tables[1])


def _metadata(info: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if "jfif_version" in info:
        (major, minor), (across, down) = info["jfif_version"], info["jfif_density"]
        unit = _DENSITY.get(info["jfif_unit"], "unknown unit")
        facts["jfif"] = f"{major}.{minor:02d}, density {across} x {down} ({unit})"
    if "adobe_transform" in info:
        transform = info["adobe_transform"]
        facts["adobe"] = _ADOBE.get(transform, f"unknown transform {transform}")
    for name, key in (("exif_bytes", "exif"), ("xmp_bytes", "xmp"), ("icc_bytes", "icc_profile")):
        if key in info:
            facts[name] = len(info[key])
    if "comment" in info:
        facts["comment"] = info["comment"].decode("utf-8", "replace")
    return facts
