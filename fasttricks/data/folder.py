"""Pictures in class folders: `root/class/*.jpg`, or `root/train/...` and `root/val/...`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fasttricks.data.pack_index import INDEX_NAME
from fasttricks.data.samples import Samples
from fasttricks.errors import DataError

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm"}
)
SPLITS = {True: ("train",), False: ("val", "valid", "validation")}
PARTS = frozenset({*SPLITS[True], *SPLITS[False], "training", "test", "testing"})
"""What folders are called, in lower case, that divide a data set; not all of them are read."""


def is_picture(name: str) -> bool:
    """Whether a file name ends like a picture's; hidden files do not count."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS


def is_compressed_tar(name: str) -> bool:
    """Whether a file name ends like that of a compressed tar."""
    return name.lower().endswith((".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"))


def class_folders(parent: Path) -> list[str]:
    """Names of the folders in a folder, but hidden ones, which hold no pictures of a set."""
    with os.scandir(parent) as entries:
        return [one.name for one in entries if one.is_dir() and not one.name.startswith(".")]


def splits_in(root: Path) -> dict[bool, Path]:
    """The parts that a folder is divided into: for training (True), for evaluation (False).

    Neither where it holds the class folders itself, and one of these is called "train".

    Raises:
        DataError: the folders in `root` can be read either way.
    """
    if not root.is_dir():
        return {}
    names = set(class_folders(root))
    found = {
        train: root / next(name for name in known if name in names)
        for train, known in SPLITS.items()
        if not names.isdisjoint(known)
    }
    others = sorted(name for name in names if name.lower() not in PARTS)
    if not found or not others:
        return found
    divided = [part for part in found.values() if _holds_a_set(part)]
    if len(divided) == len(SPLITS):
        return found
    others = [name for name in others if any(True for _ in _pictures(root / name))]
    if not others or not divided:
        return found if divided else {}
    part = divided[0]
    raise DataError(
        f"{root} can be read in two ways: {part.name!r} is a part of the data set, with class "
        f"folders of its own; or a class, like {others[0]!r} beside it. In the first case give "
        f"{part}; in the second rename it, or use Samples(paths, targets)"
    )


def split_folder(root: Path, train: bool) -> Path:
    """`root/train` or `root/val` where `root` is divided so, else `root` itself.

    Raises:
        DataError: `root` has one split but not the one asked for, or see `splits_in`.
    """
    splits = splits_in(root)
    if train in splits or not splits:
        return splits.get(train, root)
    raise DataError(
        f"{root} has a folder {splits[not train].name!r} but no {SPLITS[train][0]!r}; "
        f"to {'train' if train else 'evaluate'} on it, give the folder of class folders itself"
    )


def scan_folder(root: str | os.PathLike[str], *, train: bool = True) -> Samples:
    """The pictures below `root`, classes and files each in sorted order, read once.

    A class is a direct subfolder; its pictures may lie deeper. File contents are not looked at.

    Raises:
        DataError: the path does not exist or is no folder, has no class folders, or one of them
            holds no pictures; the message says which.
    """
    folder = Path(root).expanduser()
    if not folder.exists():
        raise DataError(f"{folder} does not exist")
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder of pictures")
    folder = split_folder(folder, train)
    classes = sorted(class_folders(folder))
    if not classes:
        loose = sum(is_picture(entry.name) for entry in os.scandir(folder))
        packed = next(filter(is_compressed_tar, sorted(os.listdir(folder))), "")
        raise DataError(
            f"{folder} has no class folders (root/class/picture.jpg)"
            + (f"; for its {loose} loose pictures use Samples(paths, targets)" if loose else "")
            + (f"; {packed} is compressed and cannot be read in place: unpack it" if packed else "")
        )
    paths: list[str] = []
    targets: list[int] = []
    for label, name in enumerate(classes):
        found = list(_pictures(folder / name))
        if not found:
            raise DataError(f"class folder {folder / name} holds no pictures")
        paths += found
        targets += [label] * len(found)
    return Samples(paths, targets, classes=classes)


def loose_pictures(root: str | os.PathLike[str]) -> Samples:
    """All pictures below `root` as one class, for measuring where classes do not matter."""
    found = list(_pictures(Path(root).expanduser()))
    if not found:
        raise DataError(f"{root} holds no pictures")
    return Samples(found)


def _holds_a_set(part: Path) -> bool:
    """Whether there are class folders, tars or a pack."""
    return bool(class_folders(part)) or (part / INDEX_NAME).exists() or any(part.glob("*.tar"))


def _pictures(folder: Path) -> Iterator[str]:
    """Files below a folder; what several links lead to, or one that leads back, counts once, and
    what is in hidden folders not at all."""
    seen = set()
    for parent, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(parent)
        if (place := (status.st_dev, status.st_ino)) in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in sorted(files) if is_picture(name))
