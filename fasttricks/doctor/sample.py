"""Everything about one sample: where it is, how it is coded, what will be done to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from fasttricks.data.formats import format_of
from fasttricks.data.probe import Probe
from fasttricks.data.samples import Samples, Stamp
from fasttricks.data.seek.format import UNREADABLE
from fasttricks.doctor.findings import Look
from fasttricks.doctor.jpeg_facts import jpeg_facts
from fasttricks.doctor.look import Inspector
from fasttricks.doctor.seek import FoundIndex, find_index, walk_again
from fasttricks.doctor.source import has_checksums
from fasttricks.errors import BadSampleError, DataError
from fasttricks.kernels.augment import Augment
from fasttricks.kernels.jpeg.cut import cut, cut_bound, workspace_bytes
from fasttricks.kernels.jpeg.seek import TILE_PIXELS
from fasttricks.kernels.jpeg.segments import REASONS
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.cutter import needed

Facts = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PlanOf:
    """Which of a sample's plans to show."""

    train: bool = True
    """The random crop; else the centre crop."""
    epoch: int = 0
    """In [0, 2**32)."""
    seed: int = 0
    """In [0, 2**64)."""
    size: int = 224
    """Side of the output picture, in pixels."""

    def __post_init__(self) -> None:
        for name, low, high in (("epoch", 0, 2**32), ("seed", 0, 2**64), ("size", 1, 2**16)):
            if not low <= getattr(self, name) < high:
                raise ValueError(f"--{name} must lie in [{low}, {high}); got {getattr(self, name)}")


def sample_facts(
    samples: Samples, number: int, plan_of: PlanOf, *, index: Path | None = None
) -> Facts:
    """Facts in sections, of plain types; a section that does not apply is left out.

    Args:
        samples: the data set.
        number: sample index.
        plan_of: for sections "plan" and "cut".
        index: the file of its seek index, by default where loaders look for it.

    Raises:
        DataError: there is no such sample; says which there are. Or the given index is not there.
    """
    if not 0 <= number < len(samples):
        raise DataError(f"there is no sample {number}: samples go from 0 to {len(samples) - 1}")
    found = find_index(samples, index)
    look = Inspector(samples, found.index)(number)
    facts: Facts = {"sample": _identity(samples, number, look)}
    facts["findings"] = {
        "broken": [fault.cause for fault in look.faults],
        "noted": [f"{note.kind}: {note.label}" for note in look.notes],
    }
    try:
        data, stamp = samples.read_stamped(number)
    except BadSampleError:
        facts["seek index"] = _seek_index(found, number)
        return facts
    facts["sample"] |= _stamp(stamp, has_checksums(samples))
    assert look.probe is not None, "it was readable a moment ago"
    facts["picture"] = _picture(data, look.probe)
    if format_of(data) == "JPEG":
        facts["jpeg"] = jpeg_facts(data)
    facts["seek index"] = _seek_index(found, number)
    if not look.faults:
        facts["plan"], facts["cut"] = _plan_and_cut(data, number, look.probe, plan_of)
    return facts


def _identity(samples: Samples, number: int, look: Look) -> Facts:
    target = samples.targets[number].tolist()
    classes = samples.classes
    named = isinstance(target, int) and 0 <= target < len(classes)
    return {
        "index": number,
        "name": samples.name(number),
        "class": classes[target] if named else None,
        "target": target,
        "bytes": look.size,
    }


def _stamp(stamp: Stamp, is_checksum: bool) -> Facts:
    if is_checksum:
        return {"crc32": f"{stamp.mtime_ns:08x}"}
    modified = datetime.fromtimestamp(stamp.mtime_ns / 1e9, UTC)
    return {"modified": modified.isoformat(timespec="milliseconds"), "mtime_ns": stamp.mtime_ns}


def _picture(data: bytes, probe: Probe) -> Facts:
    return {
        "format": format_of(data) or "unknown",
        "kind": probe.kind.name.lower(),
        "reason": probe.reason,
        "height": probe.height,
        "width": probe.width,
        "components": probe.components,
        "orientation": probe.orientation,
    }


def _seek_index(found: FoundIndex, number: int) -> Facts:
    """What is stored; `findings` says what it is worth."""
    facts: Facts = {"file": str(found.path), "state": found.state.value}
    if found.index is None:
        return facts | ({"cause": found.cause} if found.cause else {})
    record = found.index.records[number]
    facts |= {
        "status": found.index.why(number) or "can be cut",
        "points": int(record["count"]),
        "tile_pixels": found.index.tile_pixels,
    }
    if record["kind"] != UNREADABLE:
        frame = record["frame"]
        facts["frame"] = {name: int(frame[name]) for name in frame.dtype.names}
    return facts


def _plan_and_cut(data: bytes, number: int, probe: Probe, plan_of: PlanOf) -> tuple[Facts, Facts]:
    """The plan of a sound picture, and what a cut for it would come to, index or not."""
    params = Augment().params(size=plan_of.size, train=plan_of.train)
    one = [number], [0], [probe.height], [probe.width]
    plan = plan_batch(plan_of.seed, plan_of.epoch, *one, params)[0][0]
    names = ("top", "left", "height", "width")
    facts: Facts = {
        "transform": "training" if plan_of.train else "evaluation",
        "epoch": plan_of.epoch,
        "seed": plan_of.seed,
        "size": plan_of.size,
        "box": {name: int(plan[name]) for name in names},
        "grid": {name: int(plan[f"grid_{name}"]) for name in ("height", "width", "top", "left")},
        "flip": bool(plan["flip"]),
    }
    box = [int(side) for side in needed(plan, plan_of.size)]
    return facts, {"needs": dict(zip(names, box, strict=True)), **_cut(data, box)}


def _cut(data: bytes, box: list[int]) -> Facts:
    """The cut of a box (top, left, height, width): its bytes, and the part it holds."""
    frame, points = walk_again(data, TILE_PIXELS)
    if not len(points):
        why = REASONS[int(frame["status"])]
        return {"possible": False, "reason": why, "bytes": len(data), "share": 1.0}
    out = np.empty(cut_bound(frame), np.uint8)
    workspace = np.empty(workspace_bytes(frame), np.uint8)
    encoded = np.frombuffer(data, np.uint8)
    size, *part = (int(x) for x in cut(encoded, frame, points, *box, out, workspace))
    if not size:
        why = "no cut of this box can be made; it is decoded whole"
        return {"possible": False, "reason": why, "bytes": len(data), "share": 1.0}
    holds = dict(zip(("top", "left", "height", "width"), part, strict=True))
    return {"possible": True, "holds": holds, "bytes": size, "share": round(size / len(data), 4)}
