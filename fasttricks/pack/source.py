"""What can be packed: a folder of pictures, tars, a pack, or the archives of ILSVRC2012."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from fasttricks.data.folder import SPLITS, is_compressed_tar, scan_folder, split_folder, splits_in
from fasttricks.data.open import Layout, locate
from fasttricks.data.samples import Samples
from fasttricks.data.slices import Slices
from fasttricks.data.tar_pack import TarPack
from fasttricks.data.webdataset import read_tars, tars_in
from fasttricks.errors import DataError
from fasttricks.pack import imagenet
from fasttricks.pack.labels import find_labels

_PIECE = 1000  # samples that a thread asks stamps for at a time


@dataclass(frozen=True, kw_only=True)
class Part:
    """A data set that becomes a pack of its own."""

    split: str
    """"train" or "val", which is its folder in the pack; "" if the source is not divided."""
    train: bool
    """Whether it is for training, as far as one can tell."""
    samples: Samples
    origin: str
    """Where it is from, for the manifest."""
    name: Callable[[int], bytes] | None
    """A sample's path relative to the data set; None for pictures without names."""

    def names(self) -> Iterator[bytes]:
        """The relative path of each sample; its number where there is none."""
        name = self.name or (lambda index: b"%09d" % index)
        return (name(index).removeprefix(b"./") for index in range(len(self.samples)))

    def digest(self, pool: ThreadPoolExecutor) -> str:
        """A hash of names, targets and classes, and of the sizes and times of the files."""
        samples, digest = self.samples, hashlib.sha256()
        digest.update(repr((len(samples), samples.classes, samples.targets.dtype)).encode())
        digest.update(samples.targets.tobytes())
        for name in self.names():
            digest.update(name + b"\0")
        for stamps in pool.map(self._stamps, range(0, len(samples), _PIECE)):
            digest.update(stamps)
        return digest.hexdigest()

    def _stamps(self, first: int) -> bytes:
        indices = range(first, min(first + _PIECE, len(self.samples)))
        if self.samples.in_memory:
            return b"".join(hashlib.sha256(self.samples.read(i)).digest() for i in indices)
        return repr([self.samples.stamp(i) for i in indices]).encode()


def open_source(
    source: str | os.PathLike[str] | Samples, labels: str | os.PathLike[str] | None = None
) -> list[Part]:
    """The data sets of a source: one, or training and validation where it is divided.

    Args:
        source: an ImageFolder, a pack or a folder of tars, each also divided into `train` and
            `val`; one tar; `ILSVRC2012_img_train.tar`, `ILSVRC2012_img_val.tar` or a folder that
            holds them; or `Samples`.
        labels: the ground truth of ILSVRC2012's validation pictures, where it does not lie beside
            them under a usual name; see `fasttricks.pack.labels`.

    Raises:
        DataError: it is none of these or cannot be used; the message says why.
        ValueError: `labels` were given for something else than the validation pictures.
    """
    truth = None if labels is None else Path(labels).expanduser()
    if isinstance(source, Samples):
        parts = [_part(source, repr(source))]
    elif archives := imagenet.find(path := Path(source).expanduser().absolute()):
        return list(_archives(archives, truth))
    else:
        parts = _below(path)
    if truth is not None:
        raise ValueError(f"labels are for {imagenet.VAL}, and there is none in {source}")
    return parts


def _archives(archives: imagenet.Archives, truth: Path | None) -> Iterator[Part]:
    train, val, in_folder = archives
    if truth is not None and val is None:
        raise ValueError(f"labels are for {imagenet.VAL}; {train} has its own")
    classes: list[str] = []
    if train is not None:
        samples = imagenet.train_samples(train)
        classes = samples.classes
        yield _part(samples, str(train), "train" if in_folder else "")
    if val is not None:
        truth = truth or find_labels(val)
        samples = imagenet.val_samples(val, truth, classes)
        yield _part(samples, f"{val}, {truth}", "val" if in_folder else "", train=False)


def _below(path: Path) -> list[Part]:
    """What a folder or a tar holds."""
    if path.is_file():
        if path.suffix != ".tar":
            if is_compressed_tar(path.name):
                raise DataError(f"{path} is compressed: unpack it, then pack what was in it")
            raise DataError(f"{path} is neither a folder nor a .tar: it cannot be packed")
        return [_part(read_tars([path]), str(path))]
    found = splits_in(path)
    if not found:
        return [_folder(path, path.name not in SPLITS[False], "")]
    return [_folder(path, train, "train" if train else "val") for train in found]


def _folder(path: Path, train: bool, split: str) -> Part:
    layout, folder = locate(path, train=train)
    if layout is Layout.TARS:
        return _part(read_tars(tars_in(folder)), str(folder), split, train=train)
    if layout is Layout.PACK:
        return _part(TarPack(folder), str(folder), split, train=train)
    samples, root = scan_folder(path, train=train), split_folder(path, train)
    return _part(samples, str(root), split, train=train, root=f"{root}/")


def _part(
    samples: Samples, origin: str, split: str = "", *, train: bool = True, root: str | None = None
) -> Part:
    """A part whose paths are relative to `root`, or else to what they have in common."""
    name = _naming(samples, root)
    return Part(split=split, train=train, samples=samples, origin=origin, name=name)


def _naming(samples: Samples, root: str | None) -> Callable[[int], bytes] | None:
    """What gives the relative path of a sample; None for pictures without names."""
    if samples.in_memory:
        return None
    if isinstance(samples, TarPack) and not samples.in_place:
        return lambda index: unquote_to_bytes(samples.member(index))  # its keys are quoted paths
    if isinstance(samples, Slices):
        return samples.member
    start = _common_folder(samples) if root is None else root
    return lambda index: os.fsencode(samples.name(index).removeprefix(start))


def _common_folder(samples: Samples) -> str:
    names = [samples.name(index) for index in range(len(samples))]
    common = os.path.commonprefix(names)  # noqa: RUF071 (it is cut at a slash)
    return common[: common.rfind("/") + 1]
