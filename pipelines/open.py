"""The one door to a data set on disk for all that load pictures: also to a `.beton`."""

from __future__ import annotations

import os
from pathlib import Path

from fasttricks.data import open as folders
from fasttricks.data.samples import Samples
from fasttricks.pipelines.beton.file import Beton


def open_data(path: str | os.PathLike[str], *, train: bool = True) -> Samples:
    """The samples of a folder of class folders, of a pack, or of a `.beton` of `fasttricks pack`.

    Args:
        path: the folder itself, or one with `train` and `val` inside; or the file.
        train: which of those; a `.beton` is not divided.

    Raises:
        DataError: there is nothing of the kind; the message says what to do with what is there.
    """
    file = Path(folders.as_path(path)).expanduser()
    is_beton = file.suffix == ".beton" and not file.is_dir()
    return Beton(file) if is_beton else folders.open_data(file, train=train)
