"""The official archives of ILSVRC2012, read where they are.

The samples are those of the unpacked archives in class folders, in the same order and with the same
class indices: `n01440764/n01440764_10026.JPEG`, `n01440764/ILSVRC2012_val_00000293.JPEG`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fasttricks.data.folder import is_picture
from fasttricks.data.slices import Slices
from fasttricks.data.tar_scan import TarMember, scan_tar
from fasttricks.errors import DataError
from fasttricks.pack.labels import read_labels

TRAIN, VAL = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"


class Archives(NamedTuple):
    """Which of the archives there are."""

    train: Path | None
    val: Path | None
    in_folder: bool
    """Whether the folder that holds them was given, and not one of them."""


class _Picture(NamedTuple):
    synset: str
    """Or "" where nobody knows it."""
    name: str
    label: int
    place: TarMember


def find(path: Path) -> Archives | None:
    """The archives at `path`: one of them, or a folder; None if it is something else."""
    if path.is_dir():
        train, val = (path / name if (path / name).is_file() else None for name in (TRAIN, VAL))
        return Archives(train, val, True) if train or val else None
    if path.is_file() and path.name in (TRAIN, VAL):
        return Archives(path, None, False) if path.name == TRAIN else Archives(None, path, False)
    return None


def train_samples(archive: Path) -> Slices:
    """The training pictures; the archive holds a tar for each synset.

    Raises:
        DataError: it cannot be read, or is another archive; says which part of it.
    """
    inner = {Path(m.name).stem: m for m in scan_tar(archive) if m.name.endswith(".tar")}
    if not inner:
        raise DataError(f"{archive} holds no tars of synsets: it is not {TRAIN}")
    classes, pictures = sorted(inner), []
    for label, synset in enumerate(classes):
        found = [m for m in scan_tar(archive, within=inner[synset]) if _holds_picture(m)]
        if not found:
            raise DataError(f"{archive}/{inner[synset].name} holds no pictures")
        pictures += [_Picture(synset, os.path.basename(m.name), label, m) for m in found]
    return _slices(archive, pictures, classes)


def val_samples(archive: Path, labels: Path, classes: list[str]) -> Slices:
    """The validation pictures with their ground truth.

    Args:
        archive: holds the pictures, without folders.
        labels: their ground truth; see `fasttricks.pack.labels`.
        classes: the synsets of the training pictures, sorted; [] if there are none: then they are
            those that the ground truth names.

    Raises:
        DataError: archive or ground truth cannot be read, or they do not fit each other or the
            classes.
    """
    members = sorted((m for m in scan_tar(archive) if _holds_picture(m)), key=lambda m: m.name)
    if not members:
        raise DataError(f"{archive} holds no pictures: it is not {VAL}")
    truth = read_labels(labels)
    classes = classes or truth.synsets
    numbers = {synset: number for number, synset in enumerate(classes)}
    names = [os.path.basename(member.name) for member in members]
    pictures = []
    for name, member, told in zip(names, members, truth.of(names, archive), strict=True):
        label = numbers.get(told, -1) if isinstance(told, str) else told
        if not 0 <= label < (len(classes) or label + 1):
            of = f"the {len(classes)} classes of the training pictures"
            raise DataError(f"{labels}: {name} is of class {told}, which is none of {of}")
        pictures.append(_Picture(classes[label] if classes else "", name, label, member))
    return _slices(archive, pictures, classes)


def _holds_picture(member: TarMember) -> bool:
    return is_picture(os.path.basename(member.name))


def _slices(archive: Path, pictures: list[_Picture], classes: list[str]) -> Slices:
    pictures.sort(key=lambda picture: (picture.synset, picture.name))  # as in class folders
    return Slices(
        [archive],
        file=np.zeros(len(pictures), np.uint32),
        offset=np.array([picture.place.offset for picture in pictures], np.uint64),
        size=np.array([picture.place.size for picture in pictures], np.uint64),
        names=[os.fsencode(os.path.join(p.synset, p.name)) for p in pictures],
        targets=np.array([picture.label for picture in pictures], np.int64),
        classes=classes,
    )
