"""What is known of the shards that are finished: a small file for each, so that a killed run's
work is not lost. All that stands beside the shards in the end is made from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fasttricks.data.unfinished import unfinished
from fasttricks.pack.shards import Placed, shard_name


@dataclass(slots=True, kw_only=True)
class ShardRecord:
    """A shard's content, in its order."""

    size: int = 0
    """Bytes of the file."""
    placed: list[Placed] = field(default_factory=list)
    """Where its pictures are."""
    endings: list[str] = field(default_factory=list)
    """What the names of their members end with, without the dot."""
    notes: list[dict[str, Any]] = field(default_factory=list)
    """What the manifest says of some of them."""


class Journal:
    """The records of a pack's finished shards, in order; those behind a gap do not count.

    Args:
        folder: where the records are; made if it is not there.
        shards: the folder of the shards.
    """

    def __init__(self, folder: Path, shards: Path) -> None:
        self._folder, self._shards = folder, shards
        folder.mkdir(parents=True, exist_ok=True)

    def __iter__(self) -> Iterator[ShardRecord]:
        number = 0
        while record := self._read(number):
            yield record
            number += 1

    def write(self, number: int, record: ShardRecord) -> None:
        """Note that a shard is finished. The shard has to be durable by then."""
        content = {name: getattr(record, name) for name in ShardRecord.__slots__}
        with unfinished(self._path(number), "a pack") as work:
            work.file.write(json.dumps(content).encode())
            work.publish()

    def _read(self, number: int) -> ShardRecord | None:
        """A shard's record; None if there is none or it does not fit the shard."""
        try:
            content = json.loads(self._path(number).read_bytes())
            size = (self._shards / shard_name(number)).stat().st_size
        except (FileNotFoundError, ValueError):
            return None
        if content["size"] != size:
            return None
        return ShardRecord(**content | {"placed": [Placed(*row) for row in content["placed"]]})

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.json"
