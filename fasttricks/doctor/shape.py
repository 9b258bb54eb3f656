"""The shape of a data set: whether it is divided, and whether its two parts belong together.

A class is a number: its place among the sorted names of the class folders. Where train and val have
other folders, the same number means other things, and nothing but a bad accuracy would tell.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fasttricks.data.folder import PARTS, SPLITS, splits_in
from fasttricks.data.pack_index import INDEX_NAME
from fasttricks.data.samples import Samples
from fasttricks.doctor.source import open_data_set
from fasttricks.doctor.terminal import printable
from fasttricks.errors import DataError

_SHOWN = 3  # names that are given as examples
_LOOKED_AT = 2000  # paths that tell how deep the pictures lie


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A data set, opened, and what there is to say of it as a whole."""

    samples: Samples
    """To train on; or, if so wished, to evaluate on."""
    validation: int | None
    """Pictures in val; None if the data set is not divided."""
    problems: tuple[str, ...] = ()
    """What makes training on it go wrong, one line each."""
    notes: tuple[str, ...] = ()


def look_at_shape(data: Path, *, train: bool = True) -> Shape:
    """Open a data set and look at its folders and class names; no picture is read.

    Raises:
        DataError: there is nothing that can be used, or it cannot be read; one line says which.
    """
    data = data.expanduser()
    try:
        samples = open_data_set(data, train=train)
        divided = _is_divided(data)
        other = open_data_set(data, train=not train) if divided else None
    except PermissionError as error:
        raise DataError(f"{error.filename or data} cannot be read: {error.strerror}") from error
    except DataError as error:
        if (closed := _closed(data)) is not None:  # such a folder looks empty
            raise DataError(f"{closed} cannot be read: permission denied") from error
        raise
    if other is not None:
        ours, theirs = (samples, other) if train else (other, samples)
        return Shape(
            samples=samples, validation=len(theirs), problems=tuple(_mixed_up(data, ours, theirs))
        )
    return Shape(
        samples=samples,
        validation=None,
        problems=tuple(_misplaced(data, samples)),
        notes=tuple(_undivided(data)),
    )


def _is_divided(data: Path) -> bool:
    """Whether there are both parts."""
    if not data.is_dir() or (data / INDEX_NAME).exists():
        return False
    return len(splits_in(data)) == len(SPLITS)


def _closed(data: Path) -> Path | None:
    """The first folder among parts and classes that may not be listed; None if all may."""
    folders = [data] if data.is_dir() else []
    for _ in range(2):  # parts, then classes
        for folder in folders:
            if not os.access(folder, os.R_OK | os.X_OK):
                return folder
        folders = [Path(one.path) for here in folders for one in os.scandir(here) if one.is_dir()]
    return next((one for one in folders if not os.access(one, os.R_OK | os.X_OK)), None)


def _mixed_up(data: Path, train: Samples, val: Samples) -> list[str]:
    problems = []
    ours, theirs = set(train.classes), set(val.classes)
    if ours != theirs:
        missing = [
            f"{_names(names)} {'is' if len(names) == 1 else 'are'} in {there} only"
            for names, there in ((ours - theirs, "train"), (theirs - ours, "val"))
            if names
        ]
        problems.append(
            f"{data}: train has {len(ours):,} classes and val {len(theirs):,}, and they are not "
            f"the same ({'; '.join(missing)}): a label then means another class in each; give "
            "both the same class folders"
        )
    if len(train) < len(val):
        problems.append(
            f"{data}: train has fewer pictures ({len(train):,}) than val ({len(val):,}): they look "
            "swapped; rename them if so"
        )
    return problems


def _misplaced(data: Path, samples: Samples) -> list[str]:
    """Classes that look like parts of a data set, or like the folders above class folders."""
    if samples.path(0) is None:  # no files: a pack, or a .beton
        return []
    if all(name.lower() in PARTS for name in samples.classes):
        return [
            f"{data}: its class folders are called {_names(samples.classes)}, which look like the "
            "parts of a data set; name these train and val"
        ]
    if len(samples.classes) == 1:
        inner = _parents(samples)
        above = {path.parent for path in inner}
        if len(inner) > 1 and len(above) == 1:
            return [
                f"{data} has one class only, {_names(samples.classes)}, whose pictures lie in "
                f"{len(inner):,} folders below it; give {above.pop()} if those are the classes"
            ]
    return []


def _undivided(data: Path) -> list[str]:
    if data.suffix == ".beton" and not data.is_dir():
        return []
    name, parent = data.resolve().name, data.resolve().parent
    splits = splits_in(data)
    for train, there, lacks, what in (
        (True, "train", "val", "evaluate"),
        (False, "val", "train", "train"),
    ):
        if train in splits:
            return [f"{data} has a folder {there} and no {lacks}: there is nothing to {what} on"]
        if name in SPLITS[train] and any((parent / one).is_dir() for one in SPLITS[not train]):
            return [f"{data} is one part of a data set; give {parent} for training and evaluation"]
    return [
        f"{data} is not divided into train and val: evaluating on it would be on the pictures that "
        "were trained on"
    ]


def _parents(samples: Samples) -> set[Path]:
    """The folders that pictures lie in, from some of them."""
    step = max(1, len(samples) // _LOOKED_AT)
    paths = (samples.path(index) for index in range(0, len(samples), step))
    return {Path(os.path.dirname(path)) for path in paths if path is not None}


def _names(names: Sequence[str] | set[str]) -> str:
    """A few of some names."""
    first = ", ".join(printable(name) for name in sorted(names)[:_SHOWN])
    return first + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")
