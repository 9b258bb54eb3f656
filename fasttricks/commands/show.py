"""`fasttricks show`."""

from __future__ import annotations

from dataclasses import dataclass

from fasttricks.show.config import ShowConfig


@dataclass(frozen=True)
class Show(ShowConfig):
    """Draw what the pipelines make of some pictures: crop boxes, augmented, mixed, differences."""

    def run(self) -> int:
        """Write the PNG and say on stdout how far the pipelines agree."""
        from fasttricks.show.run import run

        return run(self)
