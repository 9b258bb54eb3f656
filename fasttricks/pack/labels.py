"""The ground truth of ILSVRC2012's validation pictures, in the forms in which people have it.

- the development kit: `ILSVRC2012_devkit_t12.tar.gz`, its folder, or its
  `ILSVRC2012_validation_ground_truth.txt`, which holds numbers that only `meta.mat` explains
- one synset a line, in the order of the pictures
- lines of a picture's name and its synset, or its class index (position in the sorted synsets)
- Kaggle's `LOC_val_solution.csv`
"""

from __future__ import annotations

import csv
import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from fasttricks.errors import DataError, MissingExtraError

_TRUTH, _META = "ILSVRC2012_validation_ground_truth.txt", "meta.mat"
_KIT = "ILSVRC2012_devkit_t12"
USUAL = (
    *("LOC_val_solution.csv", "imagenet_2012_validation_synset_labels.txt", "synset_labels.txt"),
    *(f"{_KIT}.tar.gz", _KIT, _TRUTH, "val.txt"),
)
"""Where the ground truth is looked for beside the pictures; what needs no scipy comes first."""

Label = str | int
"""A synset, or a class index."""


@dataclass(frozen=True, kw_only=True)
class GroundTruth:
    """Labels as a file tells them."""

    path: Path
    in_order: list[Label] = field(default_factory=list)
    """Of the pictures sorted by name; or else:"""
    by_name: dict[str, Label] = field(default_factory=dict)
    """Of each picture, by its name without folder and ending."""
    synsets: list[str] = field(default_factory=list)
    """All that the file names, sorted; [] where it has class indices only."""

    def of(self, pictures: list[str], archive: Path) -> list[Label]:
        """The label of each picture; `pictures` are file names, sorted.

        Raises:
            DataError: there are not as many labels as pictures, or none for one of them.
        """
        if self.by_name:
            stems = [PurePath(picture).stem for picture in pictures]
            if missing := [stem for stem in stems if stem not in self.by_name]:
                raise DataError(
                    f"{self.path} has no label for {missing[0]} of {archive}"
                    + (f", nor for {len(missing) - 1:,} others" if len(missing) > 1 else "")
                )
            return [self.by_name[stem] for stem in stems]
        if len(self.in_order) != len(pictures):
            raise DataError(
                f"{archive} holds {len(pictures):,} pictures, "
                f"but {self.path} {len(self.in_order):,} labels"
            )
        return self.in_order


def find_labels(archive: Path) -> Path:
    """The ground truth beside an archive. DataError if none has a usual name."""
    for name in USUAL:
        if (path := archive.with_name(name)).exists():
            return path
    raise DataError(
        f"there is no ground truth beside {archive} ({', '.join(USUAL)}): give it with --labels"
    )


def read_labels(path: Path) -> GroundTruth:
    """Read the ground truth, whichever form it has.

    Raises:
        DataError: it cannot be read or has none of the forms; names file and line.
        MissingExtraError: it needs `meta.mat` and scipy is not installed.
    """
    try:
        if path.is_dir() or path.name.endswith((".tar.gz", ".tgz")):
            return _from_kit(path)
        text = path.read_bytes().decode("utf-8-sig")  # editors of Windows mark it so
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise DataError(f"the labels {path} cannot be read: {why}") from error
    numbered = enumerate(text.splitlines(), 1)
    lines = [(number, words) for number, line in numbered if (words := line.split())]
    if not lines:
        raise DataError(f"the labels {path} are empty")
    if text.startswith("ImageId,"):
        return _by_name(path, {row[0]: row[1] for row in _kaggle(path, text)})
    width = len(lines[0][1])
    if odd := next((number for number, words in lines if len(words) != width), 0):
        raise DataError(f"{path}, line {odd}: not {width} words, as in the lines before")
    if width == 2:
        return _by_name(path, {PurePath(name).stem: label for _, (name, label) in lines})
    if width != 1:
        raise DataError(f"{path}: neither a label nor a name and a label in each line")
    words = [word for _, (word,) in lines]
    if all(word.isdecimal() for word in words):
        return _in_order(path, words, _meta_near(path))
    return GroundTruth(path=path, in_order=[*words], synsets=sorted(set(words)))


def _by_name(path: Path, labels: dict[str, str]) -> GroundTruth:
    if all(label.isdecimal() for label in labels.values()):
        return GroundTruth(path=path, by_name={name: int(text) for name, text in labels.items()})
    return GroundTruth(path=path, by_name={**labels}, synsets=sorted(set(labels.values())))


def _kaggle(path: Path, text: str) -> list[tuple[str, str]]:
    """(picture, synset) of each row "ILSVRC2012_val_00000001,n01751748 111 108 230 366 ..."."""
    found = []
    for number, row in enumerate(csv.reader(io.StringIO(text)), 1):
        if number == 1 or not row:
            continue
        if len(row) != 2 or not row[1].split():
            raise DataError(f"{path}, line {number}: not ImageId and PredictionString")
        found.append((row[0], row[1].split()[0]))
    return found


# ----------------------------------------------------------------------------- the development kit


def _from_kit(path: Path) -> GroundTruth:
    """From the kit's folder or archive."""
    if path.is_dir():
        found = {n: p.read_bytes() for n in (_TRUTH, _META) for p in sorted(path.rglob(n))[:1]}
    else:
        found = _unpacked(path)
    if missing := {_TRUTH, _META} - found.keys():
        raise DataError(f"{path} holds no {min(missing)}: it is not the development kit")
    return _in_order(path, found[_TRUTH].decode("ascii", "replace").split(), found[_META])


def _unpacked(archive: Path) -> dict[str, bytes]:
    """Ground truth and meta.mat, as far as the archive has them."""
    found = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = PurePath(member.name).name
                if name in (_TRUTH, _META) and (file := tar.extractfile(member)) is not None:
                    found[name] = file.read()
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"{archive} is no archive, or damaged: {error}") from error
    return found


def _meta_near(path: Path) -> bytes:
    """meta.mat beside a ground truth file, or in the kit's archive there."""
    beside, archive = path.with_name(_META), path.with_name(f"{_KIT}.tar.gz")
    try:
        if beside.exists():
            return beside.read_bytes()
        if archive.exists() and (meta := _unpacked(archive).get(_META)):
            return meta
    except OSError as error:
        raise DataError(f"{_META} near {path} cannot be read: {error.strerror}") from error
    raise DataError(
        f"{path} holds ILSVRC ids, and only the development kit says which synset each is: put its "
        f"{_META} or {_KIT}.tar.gz beside it, or give the kit itself as labels"
    )


def _in_order(path: Path, ids: list[str], meta: bytes) -> GroundTruth:
    synsets = _synsets_by_id(path, meta)
    for number, word in enumerate(ids, 1):
        if not word.isdecimal() or int(word) not in synsets:
            raise DataError(f"{path}, line {number}: {word[:40]!r} is no id of {_META}")
    in_order: list[Label] = [synsets[int(word)] for word in ids]
    return GroundTruth(path=path, in_order=in_order, synsets=sorted(synsets.values()))


def _synsets_by_id(path: Path, meta: bytes) -> dict[int, str]:
    """The synset of each ILSVRC2012_ID that pictures are labelled with: those without children."""
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtraError("scipy", "imagenet", "it reads meta.mat") from error
    try:
        rows = loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"]
        columns = (rows[name].tolist() for name in ("ILSVRC2012_ID", "WNID", "num_children"))
        found = {
            int(i): str(synset)
            for i, synset, children in zip(*columns, strict=True)
            if children == 0
        }
    except Exception as error:  # scipy raises nearly everything on a file that is none of MATLAB's
        raise DataError(f"{_META} of {path} cannot be understood: {error!r}") from error
    return found
