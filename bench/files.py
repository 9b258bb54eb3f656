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
from fasttricks.data.folder import class_folders, is_picture
from fasttricks.data.open import Layout, locate, open_data
from fasttricks.data.pack_index import INDEX_NAME
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import DataError

LONG_EPOCH = 100_000
"""Pictures in an epoch, at least: a set of 500 would mostly measure how loaders start an epoch."""


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """The pictures of a bench: a folder of class folders that every loader can read, or a pack."""

    root: Path
    label: str
    count: int
    """Pictures."""
    paths: tuple[str, ...]
    """The files that hold them: one each, or the shards of a pack and its index."""
    is_pack: bool = False

    @property
    def repeat(self) -> int:
        """How often to go through the set in one epoch."""
        return math.ceil(LONG_EPOCH / self.count)

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
    root, label = _root(config)
    samples = open_data(root, train=not config.eval)
    if len(samples) < config.batch_size:
        raise DataError(
            f"a batch of {config.batch_size} is larger than the data set ({len(samples)} pictures "
            f"in {label}); use a smaller --batch-size"
        )
    if isinstance(samples, TarPack):
        paths = tuple(str(path) for path in (*samples.files, samples.folder / INDEX_NAME))
    else:
        paths = tuple(samples.name(index) for index in range(len(samples)))
    return PictureFiles(
        root=root,
        label=label,
        count=len(samples),
        paths=paths,
        is_pack=isinstance(samples, TarPack),
    )


def _root(config: BenchConfig) -> tuple[Path, str]:
    """The folder to open, and what to call it."""
    if config.data is None:
        from fasttricks.data.synthetic import make_synthetic

        return make_synthetic(progress=True), "generated pictures that resemble ImageNet's"
    layout, root = locate(config.data, train=not config.eval)
    if layout is Layout.PICTURES and not class_folders(root):
        root = _one_class(root)
    return root, str(Path(config.data).expanduser())


def _one_class(folder: Path) -> Path:
    """A flat folder of pictures as a folder with one class, by a link in the cache folder."""
    if not any(map(is_picture, os.listdir(folder))):
        raise DataError(f"{folder} holds no pictures")
    target = folder.resolve()
    digest = hashlib.sha256(os.fsencode(target)).hexdigest()[:16]
    root = cache_dir() / "flat" / digest
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.symlink(target, root / "pictures")
    return root
