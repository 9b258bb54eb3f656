"""Putting packed pictures, in the order in which they come, into as many shards as they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fasttricks.pack.journal import Journal, ShardRecord
from fasttricks.pack.reencode import Packed
from fasttricks.pack.shards import Shard, shard_name, target_member


class ShardWriter:
    """Goes on behind the shards that the journal knows, and notes each new one there.

    Use it in a `with` statement: a shard that is not finished at its end is removed.

    Args:
        folder: where the shards are.
        journal: of that folder.
        limit: bytes of a shard at most, unless a single sample takes more.

    Raises:
        OSError: from all methods, where a file cannot be written.
    """

    def __init__(self, folder: Path, journal: Journal, limit: int) -> None:
        self._folder, self._journal, self._limit = folder, journal, limit
        sizes = [len(record.placed) for record in journal]
        self._number = self.shards_before = len(sizes)
        self.samples_before = sum(sizes)
        self._shard: Shard | None = None
        self._record = ShardRecord()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shard is not None:
            self._shard.discard()

    def add(
        self,
        key: str,
        ending: str,
        packed: Packed,
        target: npt.NDArray[Any] | np.generic,
        who: dict[str, Any],
    ) -> None:
        """Append a sample; `who` it is goes before what the manifest has to say of it."""
        target_ending, content = target_member(target)
        members = (f"{key}.{ending}", packed.data), (f"{key}.{target_ending}", content)
        if self._shard is not None and self._shard.size_with(members) > self._limit:
            self.finish()
        if self._shard is None:
            self._shard = Shard(self._folder / shard_name(self._number))
        record = self._record
        record.placed.append(self._shard.add(*members[0], packed.crc))
        self._shard.add(*members[1])
        record.endings.append(ending)
        if packed.note is not None:
            record.notes.append(who | packed.note)

    def finish(self) -> None:
        """End the last shard."""
        if self._shard is None:
            return
        self._record.size = self._shard.finish()
        self._journal.write(self._number, self._record)
        self._number += 1
        self._shard, self._record = None, ShardRecord()
