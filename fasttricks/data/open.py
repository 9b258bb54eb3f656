"""The one door to a data set on disk: whatever is there, as samples."""

from __future__ import annotations

import os
from enum import Enum, auto
from pathlib import Path

from fasttricks.data.folder import class_folders, is_compressed_tar, scan_folder, split_folder
from fasttricks.data.pack_index import INDEX_NAME
from fasttricks.data.samples import Samples
from fasttricks.data.tar_pack import TarPack
from fasttricks.data.webdataset import tars_in
from fasttricks.errors import DataError


class Layout(Enum):
    """What a folder holds."""

    PICTURES = auto()
    """Class folders of pictures."""
    PACK = auto()
    """Tar shards and their index."""
    TARS = auto()
    """Tars without an index."""


def open_data(path: str | os.PathLike[str], *, train: bool = True) -> Samples:
    """The samples of a folder of class folders, or of a pack.

    Args:
        path: the folder itself, or one with `train` and `val` inside.
        train: which of those.

    Raises:
        DataError: there is nothing of the kind; the message says what to do with what is there.
    """
    layout, folder = locate(as_path(path), train=train)
    if layout is Layout.TARS:
        raise DataError(
            f"{folder} holds tars without an index; to read them where they are: "
            f"fasttricks index {folder}; or copy them: fasttricks pack {folder} DST"
        )
    return TarPack(folder) if layout is Layout.PACK else scan_folder(folder, train=train)


def as_path(data: object) -> str | os.PathLike[str]:
    """`data`, if it is a path at all.

    Raises:
        DataError: it is not; the message says how to hand over what other libraries hold.
    """
    if isinstance(data, str | os.PathLike):
        if not os.fspath(data):
            raise DataError("data is an empty path; the current folder is '.'")
        return data
    raise DataError(
        f"data must be a path or fasttricks.Samples; got {type(data).__name__}. Of another "
        "library's data set give the files and their labels: fasttricks.Samples(paths, targets), "
        "for an ImageFolder Samples([p for p, _ in ds.samples], ds.targets)"
    )


def locate(path: str | os.PathLike[str], *, train: bool = True) -> tuple[Layout, Path]:
    """What is at a path, and in which folder: `path` or its part for training or evaluation.

    Raises:
        DataError: the path does not exist, cannot be read, is no folder, or has not the part asked
            for.
    """
    try:
        return _locate(Path(path).expanduser(), train)
    except OSError as error:
        raise DataError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def _locate(root: Path, train: bool) -> tuple[Layout, Path]:
    if not root.is_dir():
        raise DataError(_why_no_folder(root))
    if (root / INDEX_NAME).exists():
        return Layout.PACK, root
    folder = split_folder(root, train)
    if (folder / INDEX_NAME).exists():
        return Layout.PACK, folder
    only_tars = tars_in(folder) and not class_folders(folder)
    return Layout.TARS if only_tars else Layout.PICTURES, folder


def _why_no_folder(path: Path) -> str:
    if not path.exists():
        return f"{path} does not exist"
    if path.suffix == ".beton":
        return f"{path} is a .beton: loaders read it; here give what it was made of"
    if path.suffix == ".tar":
        return (
            f"{path} is one tar; give the folder of the tars, after: fasttricks index "
            f"{path.parent}; or copy it: fasttricks pack {path} DST"
        )
    if is_compressed_tar(path.name):
        return f"{path} is compressed and cannot be read in place: unpack it"
    return f"{path} is not a folder of pictures"
