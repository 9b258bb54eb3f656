"""`fasttricks index`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Index:
    """Note where the JPEGs of a folder can be cut; loaders do it by themselves at first use."""

    data: tyro.conf.Positional[Path]
    """Folder of class folders (root/class/picture), or with train and val inside."""
    out: Path | None = None
    """The index file; default: one in the cache folder, where loaders look for it."""
    workers: int | None = None
    """Threads; default: the CPUs that this process may use."""
    refresh: bool = False
    """Look at every file again, and index those that have changed."""
    eval: bool = False
    """Where the folder is divided, index val instead of train."""

    def run(self) -> int:
        """Index and say what was done."""
        from fasttricks.data.folder import scan_folder
        from fasttricks.data.seek_build import build_index
        from fasttricks.data.seek_file import SeekIndex

        samples = scan_folder(self.data, train=not self.eval)
        path = build_index(
            samples, self.out, workers=self.workers, progress=True, refresh=self.refresh
        )
        print(f"{path}: {SeekIndex.open(path, samples).summary()}")
        return 0
