"""What was found, as one JSON document in a file that appears complete or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fasttricks.data.unfinished import Unfinished, unfinished
from fasttricks.doctor.decode import decoder_name
from fasttricks.doctor.duplicates import across_classes
from fasttricks.doctor.findings import NOTES
from fasttricks.doctor.scan import Scan
from fasttricks.doctor.tally import Extreme
from fasttricks.errors import DataError
from fasttricks.version import __version__

FORMAT = 1
"""Raised when members change their meaning."""


@contextmanager
def json_file(target: Path | None) -> Iterator[Unfinished | None]:
    """A file to be written, opened before the work so that a bad place costs no time.

    Raises:
        DataError: it cannot be written.
    """
    if target is None:
        yield None
        return
    target = target.expanduser()
    if target.is_dir():
        raise DataError(f"{target} is a folder; --json takes a file")
    try:
        with unfinished(target, str(target)) as work:
            yield work
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}") from error


def write_facts(file: BinaryIO, facts: dict[str, Any]) -> None:
    """Write one object, indented."""
    file.write(json.dumps(facts, indent=1).encode() + b"\n")


def write_scan(file: BinaryIO, scan: Scan, data: str) -> None:
    """Write what a scan found: an object of counts, then of lists, item after item.

    Nothing is put together in memory, for the lists may have as many items as the data set.

    Args:
        file: empty.
        scan: what was found.
        data: what the user called the data set.
    """
    head = json.dumps({**_head(scan, data), **_counts(scan)}, indent=1)
    file.write(head.removesuffix("\n}").encode())
    lists = {"broken": _broken(scan), "noted": _noted(scan), "duplicates": _duplicates(scan)}
    for name, items in lists.items():
        file.write(f',\n "{name}": ['.encode())
        _write_items(file, items)
        file.write(b"\n ]")
    file.write(b"\n}\n")


def _write_items(file: BinaryIO, items: Iterable[dict[str, Any]]) -> None:
    separator = "\n  "
    for item in items:
        file.write((separator + json.dumps(item)).encode())
        separator = ",\n  "


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
