"""What a JPEG's segments say, for a person to read; damaged ones say as much as can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fasttricks.doctor.jpeg_quality import Table, libjpeg_quality, zigzag

_SOI, _EOI, _SOS, _DQT, _DRI, _COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xFE
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_RESTARTS = range(0xD0, 0xD8)
_ALONE = (_SOI, 0x01, *_RESTARTS)  # markers without a length
_NOT_FRAMES = (0xC4, 0xC8, 0xCC)  # DHT, reserved, DAC

_PROCESSES = {
    0xC0: "baseline",
    0xC1: "extended sequential",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC5: "differential sequential",
    0xC6: "differential progressive",
    0xC7: "differential lossless",
    0xC9: "sequential, arithmetic coding",
    0xCA: "progressive, arithmetic coding",
    0xCB: "lossless, arithmetic coding",
}
_SUBSAMPLING = {
    (1, 1): "4:4:4",
    (2, 1): "4:2:2",
    (1, 2): "4:4:0",
    (2, 2): "4:2:0",
    (4, 1): "4:1:1",
}
_ADOBE = {0: "no conversion (RGB or CMYK)", 1: "YCbCr", 2: "YCCK"}
_DENSITY = {0: "aspect", 1: "dpi", 2: "dots per cm"}


class Segment(NamedTuple):
    """A marker and what it carries."""

    marker: int
    body: bytes


def segments(data: bytes) -> Iterator[Segment]:
    """All segments of a JPEG, also those between scans, up to its end or the first that is cut."""
    pos = 2
    while (pos := _next_marker(data, pos)) >= 0:
        marker = data[pos]
        pos += 1
        if marker in _ALONE:
            continue
        if marker == _EOI:
            return
        length = int.from_bytes(data[pos : pos + 2], "big")
        if length < 2 or pos + length > len(data):
            return
        yield Segment(marker, data[pos + 2 : pos + length])
        pos += length


def _next_marker(data: bytes, pos: int) -> int:
    """Where the code of the next marker from `pos` on is; -1 if there is none."""
    while 0 <= (pos := data.find(b"\xff", pos)) < len(data) - 1:
        pos += 1
        if data[pos] not in (0x00, 0xFF):  # not stuffed, not fill bytes
            return pos
    return -1


def jpeg_facts(data: bytes) -> dict[str, Any]:
    """How a JPEG is coded and what it carries besides pixels.

    Args:
        data: the whole file, beginning with a JPEG's signature.
    """
    facts: dict[str, Any] = {"process": "no frame header", "scans": 0, "restart_interval": 0}
    tables: dict[int, Table] = {}
    profile = chunks = 0
    for marker, body in segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES and "components" not in facts:
            facts.update(_frame(marker, body))
        elif marker == _SOS:
            facts["scans"] += 1
        elif marker == _DRI and len(body) == 2:
            facts["restart_interval"] = int.from_bytes(body, "big")
        elif marker == _DQT:
            tables.update(_tables(body))
        elif marker == _APP2 and body.startswith(b"ICC_PROFILE\0"):
            profile, chunks = profile + max(0, len(body) - 14), chunks + 1
        else:
            facts.update(_metadata(marker, body))
    if chunks:
        facts["icc"] = {"bytes": profile, "segments": chunks}
    facts["quality"] = _quality(facts, tables)
    return facts


def _frame(marker: int, body: bytes) -> dict[str, Any]:
    """SOF (T.81 B.2.2)."""
    facts: dict[str, Any] = {"process": _PROCESSES.get(marker, f"SOF{marker - 0xC0}")}
    if len(body) < 6:
        return facts
    specs = [body[6 + 3 * c : 9 + 3 * c] for c in range(body[5])]
    facts |= {
        "precision_bits": body[0],
        "height": int.from_bytes(body[1:3], "big"),
        "width": int.from_bytes(body[3:5], "big"),
        "components": [
            {"id": s[0], "horizontal": s[1] >> 4, "vertical": s[1] & 15, "table": s[2]}
            for s in specs
            if len(s) == 3
        ],
    }
    facts["subsampling"] = _subsampling(facts["components"])
    return facts


def _subsampling(components: list[dict[str, int]]) -> str:
    """ "4:2:0" and its like where there is such a name, else the factors of all components."""
    factors = [(c["horizontal"], c["vertical"]) for c in components]
    if len(factors) == 1:
        return "none (one component)"
    if len(factors) == 3 and factors[1:] == [(1, 1)] * 2 and factors[0] in _SUBSAMPLING:
        return _SUBSAMPLING[factors[0]]
    return " ".join(f"{h}x{v}" for h, v in factors)


def _tables(body: bytes) -> Iterator[tuple[int, Table]]:
    """DQT (T.81 B.2.4.1): (slot, int64 [64] row by row) of each table in a segment."""
    while body:
        kind = np.dtype(">u2" if body[0] >> 4 else "u1")
        size = 64 * kind.itemsize
        if len(body) < 1 + size:
            return
        table = np.zeros(64, np.int64)
        table[zigzag()] = np.frombuffer(body, kind, 64, 1)
        yield body[0] & 15, table
        body = body[1 + size :]


def _metadata(marker: int, body: bytes) -> dict[str, Any]:
    if marker == _APP0 and body.startswith(b"JFIF\0") and len(body) >= 12:
        across, down = int.from_bytes(body[8:10], "big"), int.from_bytes(body[10:12], "big")
        unit = _DENSITY.get(body[7], "unknown unit")
        return {"jfif": f"{body[5]}.{body[6]:02d}, density {across} x {down} ({unit})"}
    if marker == _APP1 and body.startswith(b"Exif\0"):
        return {"exif_bytes": len(body) - 6}
    if marker == _APP1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        return {"xmp_bytes": len(body) - 29}
    if marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
        return {"adobe": _ADOBE.get(body[11], f"unknown transform {body[11]}")}
    if marker == _COM:
        return {"comment": body.decode("utf-8", "replace")}
    return {}


def _quality(facts: dict[str, Any], tables: dict[int, Table]) -> int | None:
    """libjpeg's quality, if the tables of the picture's components are libjpeg's."""
    used = [tables.get(component["table"]) for component in facts.get("components", [])]
    known = [table for table in used if table is not None]
    return libjpeg_quality(known) if known and len(known) == len(used) <= 3 else None
