"""Samples from tars in the WebDataset form: files that share a key are one sample.

The key of a member is its path up to the first dot of its base name, its ending what follows
(`webdataset/tariterators.py` in webdataset/webdataset). The picture is found by its ending.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttricks.cpus import threads_for
from fasttricks.data.folder import EXTENSIONS
from fasttricks.data.progress import progress_bar
from fasttricks.data.slices import OpenFile, Slices
from fasttricks.data.tar_scan import TarMember, scan_tar
from fasttricks.errors import DataError

_INTEGERS = ("cls", "cls.txt")
TARGET_ENDINGS = (*_INTEGERS, "npy", "json")
"""Where a target may stand, the first one found being taken: an integer as text; an array; an
object whose member "cls" or "label" it is."""

Parts = dict[str, TarMember]
"""The files of a sample, by their endings in lower case."""


class Sample(NamedTuple):
    """A picture in a tar."""

    key: str
    picture: TarMember
    target: NDArray[Any] | None


def tars_in(folder: str | os.PathLike[str]) -> list[Path]:
    """The tars directly in a folder, sorted."""
    return sorted(path for path in Path(folder).glob("*.tar") if not path.name.startswith("."))


def read_tars(
    tars: Sequence[str | os.PathLike[str]], *, workers: int | None = None, progress: bool = False
) -> Slices:
    """The samples of some tars: the tars in the order given, the samples of each in its own.

    Keys must be unique within a tar. Names are those of the pictures' members. If no sample has a
    target, the folders in the tars are the classes, in sorted order.

    Args:
        tars: N paths.
        workers: threads, by default one per CPU that this process may use.
        progress: show a bar on stderr.

    Raises:
        DataError: a tar cannot be read (see `scan_tar`); a sample has several pictures, or a
            target but no picture; a key comes twice; a target cannot be read, or is missing where
            others have one, or has another shape. The message names tar and key.
        ValueError: workers < 1.
    """
    found: list[tuple[int, Sample]] = []
    with (
        progress_bar("reading tars", len(tars), progress) as advance,
        ThreadPoolExecutor(threads_for(workers)) as pool,
    ):
        for number, samples in enumerate(pool.map(samples_in, map(Path, tars))):
            found += [(number, sample) for sample in samples]
            advance(1)
    if not found:
        raise DataError(f"no pictures in {', '.join(map(str, tars)) or 'no tars'}")
    called = [f"{tars[number]}: {sample.key!a}" for number, sample in found]
    targets, classes = _targets([sample for _, sample in found], called)
    return Slices(
        tars,
        file=np.array([number for number, _ in found], np.uint32),
        offset=np.array([sample.picture.offset for _, sample in found], np.uint64),
        size=np.array([sample.picture.size for _, sample in found], np.uint64),
        names=[os.fsencode(sample.picture.name) for _, sample in found],
        targets=targets,
        classes=classes,
    )


def samples_in(tar: Path) -> list[Sample]:
    """The samples of one tar, in the order in which their keys appear. Raises as `read_tars`."""
    groups: dict[str, Parts] = {}
    for member in scan_tar(tar):
        folder, _, base = member.name.rpartition("/")
        stem, dot, ending = base.partition(".")
        if not (stem and dot):
            continue  # hidden, or without an ending: no part of a sample
        key = f"{folder}/{stem}" if folder else stem
        if groups.setdefault(key, {}).setdefault(ending.lower(), member) is not member:
            raise DataError(f"{tar}: {key!a} has two files with the ending .{ending.lower()}")
    found, file = [], OpenFile(tar)
    for key, parts in groups.items():
        called = f"{tar}: {key!a}"
        picture = _picture(parts, called)
        if picture is not None:
            found.append(Sample(key, picture, _target(parts, file, called)))
        elif not parts.keys().isdisjoint(_INTEGERS):
            raise DataError(f"{called} has a target but no picture")
    return found


def _picture(parts: Parts, called: str) -> TarMember | None:
    """The part that is a picture: `.jpg`, or else one that ends so, like `.v2.jpg`."""
    found = [ending for ending in parts if f".{ending}" in EXTENSIONS]
    found = found or [e for e in parts if os.path.splitext(f"x.{e}")[1] in EXTENSIONS]
    if len(found) > 1:
        raise DataError(f"{called} has several pictures: .{', .'.join(found)}")
    return parts[found[0]] if found else None


# ----------------------------------------------------------------------------------------- targets


def _target(parts: Parts, file: OpenFile, called: str) -> NDArray[Any] | None:
    """The target of a sample, [] or [K]; None if no part has one."""
    for ending in TARGET_ENDINGS:
        if (member := parts.get(ending)) is None:
            continue
        try:
            value = _parsed(ending, file.read(member.size, member.offset))
        except Exception as error:  # NumPy and json raise many kinds on bytes of others
            raise DataError(f"{called}: its target (.{ending}) cannot be read: {error}") from error
        if value is not None:
            return value
    return None


def _parsed(ending: str, content: bytes) -> NDArray[Any] | None:
    if ending in _INTEGERS:
        return np.array(int(content), np.int64)
    if ending == "npy":
        value = np.load(io.BytesIO(content), allow_pickle=False)
    else:
        told = json.loads(content)
        known = told.get("cls", told.get("label")) if isinstance(told, dict) else None
        if known is None:
            return None
        value = np.array(known)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise ValueError("no number and no array of numbers")
    return value


def _targets(samples: list[Sample], called: list[str]) -> tuple[NDArray[Any], list[str]]:
    """All targets, [N] or [N, K], and the names of the classes if those are folders."""
    values = [sample.target for sample in samples if sample.target is not None]
    if not values:
        return _by_folder([sample.key for sample in samples], called)
    for sample, name in zip(samples, called, strict=True):
        if sample.target is None:
            raise DataError(f"{name} has no target (.{', .'.join(TARGET_ENDINGS)}); others have")
        if sample.target.shape != values[0].shape:
            raise DataError(
                f"{name} has a target of shape {list(sample.target.shape)}; "
                f"the first one has {list(values[0].shape)}"
            )
    return np.stack(values), []


def _by_folder(keys: list[str], called: list[str]) -> tuple[NDArray[np.int64], list[str]]:
    """Class indices from folders: the first folder that not all keys have in common."""
    folders = [[f for f in key.split("/")[:-1] if f not in ("", ".")] for key in keys]
    # Lists are ordered as their first differing elements, so these two share what all share.
    extremes = zip(min(folders), max(folders), strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], extremes))
    if all(len(folder) == common for folder in folders):
        common -= 1  # there is one class
    names = [folder[common] if 0 <= common < len(folder) else "" for folder in folders]
    if "" in names:
        raise DataError(
            f"{called[names.index('')]} has no target: neither .{', .'.join(TARGET_ENDINGS)} nor a "
            "class folder"
        )
    classes = sorted(set(names))
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[name] for name in names], np.int64), classes
