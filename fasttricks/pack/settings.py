"""What a pack is made with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import PIL

from fasttricks.version import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSettings:
    """How pictures are packed. Two packs of the same source and settings have the same bytes.

    Raises:
        ValueError: a value is out of range, or means nothing without another.
    """

    baseline: bool = False
    """Turn JPEGs that cannot be cut (progressive, several scans, arithmetic) into baseline."""
    max_size: int | None = None
    """Reduce pictures whose shorter side is longer than this many pixels."""
    quality: int | None = None
    """JPEG quality of reduced pictures, 1 to 100; None is 90."""
    shard_size: float = 1000.0
    """Megabytes that a shard has at most, unless a single sample is larger."""
    shuffle: bool = True
    """Mix the samples of a training set in the shards; a validation set is never mixed."""
    index: bool = True
    """Make the seek index."""

    def __post_init__(self) -> None:
        if self.max_size is not None and self.max_size < 1:
            raise ValueError(f"max_size must be at least 1; got {self.max_size}")
        if self.quality is not None and self.max_size is None:
            raise ValueError("quality is for pictures that max_size reduces; give max_size, too")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ValueError(f"quality must lie in [1, 100]; got {self.quality}")
        if not 0 < self.shard_size < float("inf"):
            raise ValueError(f"shard_size must be more than 0 MB; got {self.shard_size}")

    @property
    def shard_bytes(self) -> int:
        """`shard_size` in bytes."""
        return round(self.shard_size * 1e6)

    @property
    def jpeg_quality(self) -> int:
        """`quality`, or its default."""
        return 90 if self.quality is None else self.quality

    def stated(self) -> dict[str, Any]:
        """As the manifest has it: what the bytes of the shards depend on, versions too."""
        stated = dataclasses.asdict(self)
        del stated["index"]
        if self.max_size is not None:
            stated |= {"quality": self.jpeg_quality, "chroma": "4:2:0", "filter": "Lanczos"}
        versions = {"fasttricks": __version__, "pillow": PIL.__version__}
        return {"settings": stated, "versions": versions}
