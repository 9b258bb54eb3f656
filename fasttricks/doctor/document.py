"""What a scan found, as one document for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fasttricks.doctor.decode import decoder_name
from fasttricks.doctor.duplicates import across_classes
from fasttricks.doctor.findings import NOTES
from fasttricks.doctor.scan import Scan
from fasttricks.doctor.tally import Extreme
from fasttricks.version import __version__

FORMAT = 1
"""Raised when members change their meaning."""


def scan_document(scan: Scan, data: str) -> dict[str, Any]:
    """What a scan found: counts, then lists of pictures.

    Args:
        scan: what was found.
        data: what the user called the data set.
    """
    return {
        **_head(scan, data),
        **_counts(scan),
        "broken": list(_broken(scan)),
        "noted": list(_noted(scan)),
        "duplicates": list(_duplicates(scan)),
    }


def _head(scan: Scan, data: str) -> dict[str, Any]:
    return {
        "doctor": FORMAT,
        "fasttricks": __version__,
        "data": data,
        "sound": scan.sound,
        "decoder": decoder_name(),
        "threads": scan.threads,
        "seconds": round(scan.seconds, 3),
    }


def _counts(scan: Scan) -> dict[str, Any]:
    tally, found = scan.tally, scan.found
    return {
        "pictures": tally.looked,
        "plain": tally.plain,
        "odd": tally.odd,
        "bytes": tally.bytes,
        "pixels": tally.pixels,
        "shortest_side": _extreme(scan, tally.shortest),
        "longest_side": _extreme(scan, tally.longest),
        "jpegs": dict(tally.traits),
        "broken_by_kind": dict(tally.kinds),
        "broken_by_cause": dict(tally.causes.most_common()),
        "noted_by_kind": {
            kind: {label: len(which) for label, which in tally.noted[kind].items()}
            for kind in NOTES
            if kind in tally.noted
        },
        "seek_index": {"state": found.state.value, "path": str(found.path), "cause": found.cause},
    }


def _broken(scan: Scan) -> Iterator[dict[str, Any]]:
    """Pictures by index, after files that are no pictures, whose index is None."""
    for name, cause in scan.around:
        yield {"index": None, "name": name, "faults": [{"kind": "container", "cause": cause}]}
    for index, faults in scan.tally.broken.items():
        yield {**_who(scan, index), "faults": [fault._asdict() for fault in faults]}


def _noted(scan: Scan) -> Iterator[dict[str, Any]]:
    for kind in NOTES:
        if kind in scan.tally.noted:
            for label, which in scan.tally.noted[kind].items():
                for index in which:
                    yield {**_who(scan, index), "kind": kind, "label": label}


def _duplicates(scan: Scan) -> Iterator[dict[str, Any]]:
    targets = scan.samples.targets
    for group in scan.tally.digests.groups():
        yield {
            "across_classes": across_classes(group, targets),
            "samples": [
                {**_who(scan, index), "target": targets[index].tolist()} for index in group.tolist()
            ],
        }


def _extreme(scan: Scan, extreme: Extreme | None) -> dict[str, Any] | None:
    return extreme and {"pixels": extreme.side, **_who(scan, extreme.number)}


def _who(scan: Scan, index: int) -> dict[str, Any]:
    return {"index": index, "name": scan.samples.name(index)}
