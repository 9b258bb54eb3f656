"""What stands beside the shards: the index of the samples, and the account of how they were made.

Both are made from the journal, a shard at a time.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.data.pack_index import INDEX_NAME, MANIFEST_NAME, MEMBER, write_pack_index
from fasttricks.errors import BadSampleError
from fasttricks.pack.journal import Journal
from fasttricks.pack.reencode import BAD
from fasttricks.pack.shards import shard_name
from fasttricks.pack.source import Part

MANIFEST_FORMAT = 1


@dataclass(slots=True, kw_only=True)
class Summary:
    """What a pack has become."""

    samples: int = 0
    shards: int = 0
    size_bytes: int = 0
    """Of all shards."""
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many pictures: (what was done, why), as in the manifest; without bad ones."""
    bad: list[BadSampleError] = field(default_factory=list)

    def stated(self) -> dict[str, Any]:
        """As the manifest has it."""
        changes: dict[str, dict[str, int]] = {}
        for (did, why), count in sorted(self.changes.items()):
            changes.setdefault(did, {})[why] = count
        numbers = {"samples": self.samples, "shards": self.shards, "bytes": self.size_bytes}
        return {**numbers, "changes": changes, "bad": len(self.bad)}


def summarise(journal: Journal) -> Summary:
    """Count what the journal has."""
    summary = Summary()
    for record in journal:
        summary.shards += 1
        summary.samples += len(record.placed)
        summary.size_bytes += record.size
        for note in record.notes:
            if note["did"] == BAD:
                error = BadSampleError(note["sample"], note["source"], note["why"])
                summary.bad.append(error)
            else:
                summary.changes[note["did"], note["why"].partition(";")[0]] += 1
    summary.bad.sort(key=lambda error: error.index)
    return summary


def write_index(
    folder: Path, journal: Journal, part: Part, keys: Sequence[str], order: npt.NDArray[np.int64]
) -> None:
    """Write `pack.index`; sample `order[p]` stands at place p of the shards, one after another."""
    count = len(part.samples)
    members, names, shards = np.zeros(count, MEMBER), [b""] * count, []
    place = 0
    for number, record in enumerate(journal):
        here = order[place : place + len(record.placed)]
        place += len(here)
        columns = np.array(record.placed, np.int64).T
        for field_, column in zip(record.placed[0]._fields, columns, strict=True):
            members[field_][here] = column
        members["shard"][here] = number
        for index, ending in zip(here.tolist(), record.endings, strict=True):
            names[index] = f"{keys[index]}.{ending}".encode()
        shards.append((shard_name(number), record.size))
    with open(folder / INDEX_NAME, "wb") as file:
        write_pack_index(
            file,
            shards=shards,
            members=members,
            names=names,
            targets=part.samples.targets,
            classes=part.samples.classes,
        )
        os.fsync(file.fileno())


def write_manifest(folder: Path, journal: Journal, head: dict[str, Any]) -> None:
    """Write `manifest.jsonl`: `head`, then a line for each picture that there is a note of.

    The notes are in the order of the shards.
    """
    with open(folder / MANIFEST_NAME, "w", encoding="ascii") as file:
        print(json.dumps({"manifest": MANIFEST_FORMAT, **head}), file=file)
        for record in journal:
            for note in record.notes:
                print(json.dumps(note), file=file)
        file.flush()
        os.fsync(file.fileno())
