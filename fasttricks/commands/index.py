"""`fasttricks index`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from fasttricks.terminated import terminated_as_interrupted


@dataclass(frozen=True)
class Index:
    """Note where the JPEGs of a data set can be cut; loaders do it by themselves at first use.

    Tars in the WebDataset form become a pack where they are: their index is written beside them.
    """

    data: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")]
    """Folder of class folders (root/class/picture), of tars, or with train and val inside."""
    out: Path | None = None
    """The index file; default: where loaders look for it, in the cache folder or the pack."""
    workers: int | None = None
    """Threads; default: the CPUs that this process may use."""
    refresh: bool = False
    """Look at every file again, and index those that have changed; tars are all read again."""
    eval: bool = False
    """Where the folder is divided, index val instead of train."""

    def run(self) -> int:
        """Index and say what was done."""
        with terminated_as_interrupted():
            return self._index()

    def _index(self) -> int:
        from fasttricks.data.open import Layout, locate, open_data
        from fasttricks.data.samples import Samples
        from fasttricks.data.seek.build import build_index
        from fasttricks.data.seek.file import SeekIndex
        from fasttricks.data.tar_index import index_tars
        from fasttricks.data.tar_pack import TarPack

        layout, folder = locate(self.data, train=not self.eval)
        of_others = layout is Layout.PACK and TarPack(folder).in_place
        if layout is Layout.TARS or (of_others and self.refresh):
            pack = index_tars(folder, self.out, workers=self.workers, progress=True)
            samples: Samples = pack
            path = self.out or pack.seek_index
        else:
            samples = open_data(folder, train=not self.eval)
            path = build_index(
                samples, self.out, workers=self.workers, progress=True, refresh=self.refresh
            )
        print(f"{path}: {SeekIndex.open(path, samples).summary()}")
        return 0
