"""The pictures of one run, as every script can read them: train and val, of class folders."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from fasttricks.cache import cache_dir
from fasttricks.data.scratch import scratch_folder
from fasttricks.errors import DataError

CLASSES = 10
"""Scripts report top-5, for which there must be more than five."""
READABLE = {".jpg", ".jpeg", ".png"}
"""What all loaders take for pictures."""


def lay_out(paths: Sequence[str], key: str, count: int) -> Path:
    """A folder with links to pictures: `count` to train on, one of each class to evaluate on.

    Pictures are dealt to the classes in turn, as speed does not depend on labels; where there are
    fewer than `count`, they come again under other names. The folder stays in the cache folder,
    and so does the seek index that belongs to it.

    Args:
        paths: the pictures.
        key: a name for these pictures.

    Raises:
        DataError: no picture is of a kind that all trainers read, or nothing can be written.
    """
    usable = [path for path in paths if Path(path).suffix.lower() in READABLE]
    if not usable:
        raise DataError(f"no picture is of a kind that all can read: {', '.join(sorted(READABLE))}")
    root = cache_dir() / "scripts" / f"{key}-{count}"
    if root.is_dir():
        return root
    try:
        with scratch_folder(root) as scratch:
            for part, many in (("train", count), ("val", CLASSES)):
                _link(usable, scratch / part, many)
            scratch.rename(root)
    except OSError as error:
        if not root.is_dir():  # another process made it meanwhile
            raise DataError(f"cannot write {root}: {error.strerror}") from error
    return root


def _link(paths: Sequence[str], folder: Path, count: int) -> None:
    for number in range(CLASSES):
        (folder / f"class_{number}").mkdir(parents=True)
    for number, path in enumerate(itertools.islice(itertools.cycle(paths), count)):
        name = f"class_{number % CLASSES}/picture_{number:07d}{Path(path).suffix}"
        os.symlink(os.path.abspath(path), folder / name)
