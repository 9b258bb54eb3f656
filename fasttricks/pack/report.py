"""What packing tells at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fasttricks.errors import BadSampleError
from fasttricks.pack.manifest import Summary
from fasttricks.pack.reencode import BASELINE, KEPT, REDUCED

LISTED = 20
"""Bad pictures that a report names when printed."""

_WORDS = {
    BASELINE: "made baseline without loss",
    REDUCED: "reduced",
    KEPT: "kept as they are, for what was asked cannot be done well",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackReport:
    """What `pack` wrote."""

    path: Path
    parts: dict[str, Summary]
    """By the folder in the pack: "train" and "val"; or "" alone for the pack itself."""
    shards_before: int
    """Shards that an earlier run, which ended early, had finished."""
    seconds: float

    @property
    def samples(self) -> int:
        """Of all parts."""
        return sum(part.samples for part in self.parts.values())

    @property
    def shards(self) -> int:
        """Of all parts."""
        return sum(part.shards for part in self.parts.values())

    @property
    def size_bytes(self) -> int:
        """Of all shards."""
        return sum(part.size_bytes for part in self.parts.values())

    @property
    def changes(self) -> Counter[tuple[str, str]]:
        """How many pictures: (what was done, why)."""
        return sum((part.changes for part in self.parts.values()), Counter())

    @property
    def bad(self) -> list[BadSampleError]:
        """Kept as samples, so that every pipeline counts and rejects the same ones."""
        return [error for part in self.parts.values() for error in part.bad]

    def __str__(self) -> str:
        parts = [f"{name} {part.samples:,}" for name, part in self.parts.items() if name]
        split = f" ({', '.join(parts)})" if parts else ""
        shards = f"{self.shards:,} shard{'' if self.shards == 1 else 's'}"
        lines = [
            f"{self.path}: {self.samples:,} samples{split}, {shards}, "
            f"{self.size_bytes / 1e6:,.1f} MB, {self.seconds:.1f} s; {len(self.bad)} bad"
        ]
        if self.shards_before:
            lines.append(f"  went on after {self.shards_before} shards of an earlier run")
        for (did, why), count in sorted(self.changes.items()):
            lines.append(f"  {count:,} {_WORDS[did]} ({why})")
        lines += [f"  bad: {error}" for error in self.bad[:LISTED]]
        if len(self.bad) > LISTED:
            lines.append(f"  and {len(self.bad) - LISTED} more")
        # Names of files need not be text; a pack that is done shall not fail on its last line.
        return "\n".join(lines).encode(errors="backslashreplace").decode()
