"""Pictures in class folders: `root/class/*.jpg`, or `root/train/...` and `root/val/...`."""

from __future__ import annotations

import os
from pathlib import Path

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
    | {".ppm", ".pgm", ".pbm"}
)
SPLITS = {True: ("train",), False: ("val", "valid", "validation")}


def is_picture(name: str) -> bool:
    """Whether a file name ends like a picture's; hidden files do not count."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS


def split_folder(root: Path, train: bool) -> Path:
    """`root/train` or `root/val` where `root` is divided so, else `root` itself.

    Raises:
        DataError: `root` has one split but not the one asked for.
    """
    found = [root / name for name in SPLITS[train] if (root / name).is_dir()]
    if found:
        return found[0]
    other = [name for name in SPLITS[not train] if (root / name).is_dir()]
    if other:
        raise DataError(
            f"{root} has a folder {other[0]!r} but no {SPLITS[train][0]!r}; "
            f"to {'train' if train else 'evaluate'} on it, give the folder of class folders itself"
        )
    return root


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
    classes = sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] != ".")
    if not classes:
        loose = sum(is_picture(entry.name) for entry in os.scandir(folder))
        raise DataError(
            f"{folder} has no class folders (root/class/picture.jpg)"
            + (f"; for its {loose} loose pictures use Samples(paths, targets)" if loose else "")
        )
    paths: list[str] = []
    targets: list[int] = []
    for label, name in enumerate(classes):
        found = _pictures(str(folder / name))
        if not found:
            raise DataError(f"class folder {folder / name} holds no pictures")
        paths += found
        targets += [label] * len(found)
    return Samples(paths, targets, classes=classes)


def loose_pictures(root: str | os.PathLike[str]) -> Samples:
    """All pictures below `root` as one class, for measuring where classes do not matter."""
    found = _pictures(str(Path(root).expanduser()))
    if not found:
        raise DataError(f"{root} holds no pictures")
    return Samples(found)


def _pictures(folder: str) -> list[str]:
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        found += [os.path.join(parent, name) for name in sorted(files) if is_picture(name)]
    return found
