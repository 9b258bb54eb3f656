"""`fasttricks pack`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Pack:
    """Write a folder of pictures as one FFCV file for the `ffcv` pipeline."""

    source: tyro.conf.Positional[Path]
    """Folder of class folders (root/class/picture)."""
    destination: tyro.conf.Positional[Path]
    """The .beton file to write; replaced only when the new one is complete."""
    mode: Literal["source", "jpg", "raw"] = "source"
    """source: the files' own bytes, unchanged; jpg: encoded again; raw: decoded pixels."""
    max_size: int | None = None
    """For jpg and raw: reduce pictures whose shorter side is longer than this many pixels."""
    quality: int = 90
    """JPEG quality for mode jpg, 1 to 100."""
    workers: int | None = None
    """Threads; default: the CPUs that this process may use."""

    def run(self) -> int:
        """Pack and say what was done."""
        from fasttricks.pipelines.beton import pack

        report = pack(
            self.source,
            self.destination,
            mode=self.mode,
            max_size=self.max_size,
            quality=self.quality,
            workers=self.workers,
        )
        print(report)
        return 0
