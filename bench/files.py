"""The pictures that a bench runs on."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fasttricks.bench.config import BenchConfig
from fasttricks.cache import cache_dir
from fasttricks.data.folder import is_picture, loose_pictures, scan_folder, split_folder
from fasttricks.errors import DataError

LONG_EPOCH = 100_000
"""Pictures in an epoch, at least: a set of 500 would mostly measure how loaders start an epoch."""


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """The files of a bench, in a folder of class folders that every loader can read."""

    root: Path
    label: str
    paths: tuple[str, ...]

    @property
    def repeat(self) -> int:
        """How often to go through the set in one epoch."""
        return math.ceil(LONG_EPOCH / len(self.paths))

    @cached_property
    def key(self) -> str:
        """A name for what is derived from these files, from the name, size and time of each."""
        digest = hashlib.sha256(os.fsencode(self.root.resolve()))
        for path in self.paths:
            status = os.stat(path)
            inside = os.fsencode(path.removeprefix(str(self.root)))
            digest.update(b"\0%b\0%d %d" % (inside, status.st_size, status.st_mtime_ns))
        return digest.hexdigest()[:16]


def open_files(config: BenchConfig) -> PictureFiles:
    """Find the pictures: `--data`, or generated ones.

    Raises:
        DataError: no pictures there, or fewer than a batch.
    """
    if config.data is None:
        from fasttricks.data.synthetic import make_synthetic

        root = make_synthetic(progress=True)
        label = "generated pictures that resemble ImageNet's"
    else:
        root = Path(config.data).expanduser()
        label = str(root)
        if root.is_dir():
            root = split_folder(root, not config.eval)
            if not any(entry.is_dir() for entry in os.scandir(root)):
                root = _one_class(root)
    samples = scan_folder(root, train=not config.eval)
    paths = tuple(samples.name(index) for index in range(len(samples)))
    if len(paths) < config.batch_size:
        raise DataError(
            f"a batch of {config.batch_size} is larger than the data set ({len(paths)} pictures "
            f"in {label}); use a smaller --batch-size"
        )
    return PictureFiles(root=root, label=label, paths=paths)


def _one_class(folder: Path) -> Path:
    """A flat folder of pictures as a folder with one class, by a link in the cache folder."""
    if not any(is_picture(entry.name) for entry in os.scandir(folder)):
        loose_pictures(folder)  # raises what there is to say
    target = folder.resolve()
    digest = hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
    root = cache_dir() / "flat" / digest
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.symlink(target, root / "pictures")
    return root
