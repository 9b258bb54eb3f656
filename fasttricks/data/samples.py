"""A data set as the pipelines see it: encoded pictures by index, and their targets."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.data.places import FILE, MEMORY, NO_BYTES, PLACE, Places
from fasttricks.errors import BadSampleError, DataError


class Stamp(NamedTuple):
    """How a picture is recognised as unchanged."""

    size: int
    """Bytes."""
    mtime_ns: int
    """Nanoseconds since 1970; 0 for pictures in memory, in packs the CRC-32 of the picture: it
    stays the same when a pack is copied."""


class Joined(NamedTuple):
    """What all samples are called, as few objects however many they are."""

    block: bytes | memoryview
    """The names, without anything between them."""
    ends: npt.NDArray[np.integer[Any]]
    """[N], where each of them ends."""
    root: bytes | None
    """What the names are relative to; None if they are paths, whose root is what they share."""


Picture = str | os.PathLike[str] | bytes | bytearray | memoryview
_PATH = (str, os.PathLike)
_IN_MEMORY = (bytes, bytearray, memoryview)


class Samples:
    """Encoded pictures, as paths or as bytes, with one target each.

    Paths are kept in one block of bytes, so that a million of them cost about 60 MB, are pickled to
    workers in one piece and never touch Python's reference counts there.

    Args:
        pictures: N file paths, or N encoded pictures (whole JPEG, PNG, ... files as bytes).
        targets: [N] or [N, K] bools, integers or floats of at most 64 bits, kept in their dtype
            and native byte order; None gives zeros (int64).
        classes: names of the classes, where targets are class indices.

    Raises:
        DataError: no pictures, paths and bytes mixed, targets that are no numbers, not as many
            targets as pictures, or class indices beyond the classes.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        targets: npt.ArrayLike | None = None,
        *,
        classes: Sequence[str] = (),
    ) -> None:
        self.in_memory = _are_in_memory(pictures)
        chunks = [bytes(p) if self.in_memory else _path_bytes(p) for p in pictures]  # type: ignore[arg-type]
        lengths = np.fromiter(map(len, chunks), np.int64, len(chunks))
        self._ends: npt.NDArray[np.integer[Any]] = np.cumsum(lengths)
        self._block: bytes | memoryview = b"".join(chunks)
        self.targets = as_numbers(np.zeros(len(chunks), np.int64) if targets is None else targets)
        self.classes = list(classes)
        if len(self.targets) != len(chunks):
            raise DataError(f"{len(chunks)} pictures but {len(self.targets)} targets")
        _check_classes(self.targets, len(self.classes))

    def __len__(self) -> int:
        return len(self._ends)

    def __repr__(self) -> str:
        where = "in memory" if self.in_memory else "files"
        return f"Samples({len(self)} {where}, {len(self.classes)} classes)"

    @property
    def base(self) -> Samples:
        """The data set without repeats."""
        return self

    def repeat(self, times: int) -> Samples:
        """The same pictures `times` times over: sample i is sample i % len(self) of this one."""
        return self if times == 1 else Repeated(self, times)

    @property
    def seek_index(self) -> Path | None:
        """Where the seek index belongs; None for a file in the user's cache folder."""
        return None

    def joined_names(self) -> Joined:
        """The names by which a seek index knows the samples; empty for pictures in memory."""
        if self.in_memory:
            return Joined(b"", np.zeros(len(self), np.int64), b"")
        return Joined(self._block, self._ends, None)

    def _piece(self, index: int) -> bytes:
        start = int(self._ends[index - 1]) if index else 0
        return bytes(self._block[start : int(self._ends[index])])

    def path(self, index: int) -> Path | None:
        """The file of a sample; None for pictures that are not a file each."""
        return None if self.in_memory else Path(os.fsdecode(self._piece(index)))

    def name(self, index: int) -> str:
        """What to call a sample in a message: its path, or "sample <index>"."""
        return f"sample {index}" if self.in_memory else os.fsdecode(self._piece(index))

    def read(self, index: int) -> bytes:
        """The encoded bytes of one sample.

        Raises:
            BadSampleError: the file cannot be read whole; its `__cause__` is the OSError.
        """
        return self.read_stamped(index)[0]

    def stamp(self, index: int) -> Stamp | None:
        """What `read_stamped` would give, without reading; None if there is no such file."""
        piece = self._piece(index)
        if self.in_memory:
            return Stamp(len(piece), 0)
        try:
            status = os.stat(piece)
        except OSError:
            return None
        return Stamp(status.st_size, status.st_mtime_ns)

    def places(self, indices: npt.NDArray[np.int64]) -> Places:
        """Where samples, int64 [n], are; not told by classes that read in another way than this."""
        table = np.zeros(len(indices), PLACE)
        if type(self).read_stamped is not Samples.read_stamped:
            return Places(table, NO_BYTES)
        start = np.where(indices > 0, self._ends[indices - 1], 0)
        table["kind"] = MEMORY if self.in_memory else FILE
        table["at"], table["size"] = start, self._ends[indices] - start
        return Places(table, np.frombuffer(self._block, np.uint8))

    def read_stamped(self, index: int) -> tuple[bytes, Stamp]:
        """As `read`, with the size and time that the file had when reading began."""
        piece = self._piece(index)
        if self.in_memory:
            return piece, Stamp(len(piece), 0)
        try:
            return _read_file(piece)
        except OSError as error:
            cause = f"cannot be read: {error.strerror}"
            raise BadSampleError(index, self.name(index), cause) from error


def _are_in_memory(pictures: Sequence[Picture]) -> bool:
    """Whether they are bytes; False for paths. Nothing else will do, nor both."""
    if isinstance(pictures, (str, *_IN_MEMORY)) or not hasattr(pictures, "__len__"):
        given = type(pictures).__name__
        raise DataError(f"pictures must be a list of paths or a list of bytes; got one {given}")
    if len(pictures) == 0:
        raise DataError("the data set holds no pictures")
    kinds = set(map(type, pictures))
    in_memory = all(issubclass(kind, _IN_MEMORY) for kind in kinds)
    if not (in_memory or all(issubclass(kind, _PATH) for kind in kinds)):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(f"pictures must be all paths or all bytes; got {names}")
    return in_memory


def _path_bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise DataError(f"{os.fspath(path)!r} cannot be the path of a file: {error}") from error
    if b"\0" in name:
        raise DataError(f"{os.fspath(path)!r} cannot be the path of a file: it holds a null byte")
    return name


def as_numbers(targets: npt.ArrayLike) -> npt.NDArray[Any]:
    """The targets as an array of a dtype that torch has."""
    try:
        array = np.asarray(targets)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged; or a tensor on a GPU
        raise DataError(
            "targets must be an array [N] or [N, K] of numbers; NumPy cannot make one of them"
        ) from error
    if array.ndim == 0 or array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        given = f"{array.dtype} {list(array.shape)}".replace("\n", " ")
        raise DataError(
            "targets must be an array [N] or [N, K] of numbers: bools, integers or floats of at "
            f"most 64 bits; got {given}"
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check_classes(targets: npt.NDArray[Any], count: int) -> None:
    """Whether class indices, if that is what they are, are those of `count` classes."""
    if not count or targets.ndim != 1 or targets.dtype.kind not in "iu":
        return
    wrong = np.flatnonzero((targets < 0) | (targets >= count))
    if len(wrong):
        raise DataError(
            f"with {count} classes targets must lie in [0, {count}); got {targets[wrong[0]]} for "
            f"sample {wrong[0]}" + (f" and {len(wrong) - 1} more such" if len(wrong) > 1 else "")
        )


def _read_file(path: bytes) -> tuple[bytes, Stamp]:
    # O_NONBLOCK: a named pipe among the pictures would else be waited for without end.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "not a regular file")
        size = status.st_size
        data = os.read(file, size + 1)
        while len(data) < size and (more := os.read(file, size + 1 - len(data))):
            data += more
        if len(data) != size:
            raise OSError(None, "its length changes")
        return data, Stamp(size, status.st_mtime_ns)
    finally:
        os.close(file)


class Repeated(Samples):
    """A data set listed several times over; made by `Samples.repeat`."""

    def __init__(self, base: Samples, times: int) -> None:
        if times < 1:
            raise ValueError(f"times must be at least 1; got {times}")
        self._base, self._times = base.base, len(base) // len(base.base) * times
        self.in_memory, self.classes = base.in_memory, base.classes
        self.targets = np.tile(base.targets, (times, *[1] * (base.targets.ndim - 1)))

    @property
    def base(self) -> Samples:
        """The data set without repeats."""
        return self._base

    def __len__(self) -> int:
        return self._times * len(self._base)

    @property
    def seek_index(self) -> Path | None:
        """Where the seek index of the data set without repeats belongs."""
        return self._base.seek_index

    def joined_names(self) -> Joined:
        """Not to be had: a seek index is that of `base`."""
        raise TypeError("a repeated data set has no seek index of its own; use that of its base")

    def path(self, index: int) -> Path | None:
        """The file of a sample, as the data set without repeats has it."""
        return self._base.path(index % len(self._base))

    def name(self, index: int) -> str:
        """What to call a sample in a message."""
        return self._base.name(index % len(self._base))

    def stamp(self, index: int) -> Stamp | None:
        """See `Samples.stamp`."""
        return self._base.stamp(index % len(self._base))

    def places(self, indices: npt.NDArray[np.int64]) -> Places:
        """See `Samples.places`."""
        return self._base.places(indices % len(self._base))

    def read_stamped(self, index: int) -> tuple[bytes, Stamp]:
        """See `Samples.read_stamped`."""
        try:
            return self._base.read_stamped(index % len(self._base))
        except BadSampleError as error:
            raise BadSampleError(index, error.name, error.cause) from error.__cause__
