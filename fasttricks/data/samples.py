"""A data set as the pipelines see it: encoded pictures by index, and their targets."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.data.given import (
    Picture,
    are_in_memory,
    as_class_names,
    as_indices,
    as_numbers,
    check_classes,
    current_folder,
    path_bytes,
)
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


Indices = npt.NDArray[np.int64]


class Samples:
    """Encoded pictures, as paths or as bytes, with one target each.

    Paths are kept in one block of bytes, so that a million of them cost about 60 MB, are pickled to
    workers in one piece and never touch Python's reference counts there.

    Args:
        pictures: N file paths, or N encoded pictures (whole JPEG, PNG, ... files as bytes). Paths
            that are relative stay so: to whatever is the current folder when they are read.
        targets: [N] or [N, ...] bools, integers or floats of at most 64 bits, kept in their dtype
            and native byte order (bfloat16 as float32); None gives zeros (int64).
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
        self.in_memory = are_in_memory(pictures)
        chunks = [bytes(p) if self.in_memory else path_bytes(p) for p in pictures]  # type: ignore[arg-type]
        lengths = np.fromiter(map(len, chunks), np.int64, len(chunks))
        self._ends: npt.NDArray[np.integer[Any]] = np.cumsum(lengths)
        self._block: bytes | memoryview = b"".join(chunks)
        self._opened_in = "" if self.in_memory else current_folder()
        self.targets = as_numbers(np.zeros(len(chunks), np.int64) if targets is None else targets)
        self.classes = as_class_names(classes)
        if len(self.targets) != len(chunks):
            raise DataError(f"{len(chunks)} pictures but {len(self.targets)} targets")
        check_classes(self.targets, len(self.classes))

    def __len__(self) -> int:
        return len(self._ends)

    def __repr__(self) -> str:
        where = "in memory" if self.in_memory else "files"
        return f"Samples({len(self)} {where}, {len(self.classes)} classes)"

    @property
    def base(self) -> Samples:
        """The data set that these are taken from; itself where there is none."""
        return self

    def number(self, index: int) -> int:
        """Which sample of `base` a sample is."""
        return index

    def numbers(self, indices: Indices) -> Indices:
        """Which samples of `base` samples are, int64 [n] both."""
        return indices

    def take(self, indices: npt.ArrayLike) -> Samples:
        """A subset, a fold or a weighted draw: sample i is sample `indices[i]` of this set.

        It has the files, targets and classes of `base` and uses the same seek index. What is drawn
        for a sample goes by its place i in the taken set: a picture that is taken twice has two
        crops in an epoch, and others in another fold.

        Args:
            indices: integers [M] in [0, N), in any order, as often as you like; or bools [N].

        Raises:
            IndexError: there is no such sample.
            DataError: none are chosen, or they are neither integers [M] nor bools [N].
        """
        return Taken(self.base, self.numbers(as_indices(indices, len(self))))

    def repeat(self, times: int) -> Samples:
        """The same pictures `times` times over: sample i is sample i % len(self) of this one.

        Raises:
            ValueError: that is less than once.
        """
        return self if _positive(times) == 1 else Taken(self, np.arange(len(self)), times)

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

    def places(self, indices: Indices) -> Places:
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
            cause = f"cannot be read: {error.strerror}{self._elsewhere(piece)}"
            raise BadSampleError(index, self.name(index), cause) from error

    def _elsewhere(self, path: bytes) -> str:
        """What explains that there is no such file, where the current folder is another now."""
        if path.startswith(b"/") or self._opened_in in ("", current_folder()):
            return ""
        return f" (the path is relative to {self._opened_in}, and the current folder another now)"


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


class Taken(Samples):
    """Some samples of another data set, several times over; made by `take` and `repeat`.

    It holds no pictures, only which of `base` they are: sample i is `chosen[i % M]`.

    Args:
        base: a set that is not taken from another.
        chosen: int64 [M] in [0, len(base)).
        times: how often all of these are listed.
    """

    def __init__(self, base: Samples, chosen: npt.NDArray[np.int64], times: int = 1) -> None:
        self._base, self._chosen, self._times = base, chosen, times
        self.in_memory, self.classes = base.in_memory, base.classes
        targets = base.targets[chosen]
        self.targets = np.tile(targets, (times, *[1] * (targets.ndim - 1)))

    @property
    def base(self) -> Samples:
        """The data set whose pictures these are."""
        return self._base

    def __len__(self) -> int:
        return self._times * len(self._chosen)

    def __repr__(self) -> str:
        return f"Taken({len(self)} of {self._base!r})"

    def number(self, index: int) -> int:
        """Which sample of `base` a sample is."""
        return int(self._chosen[index % len(self._chosen)])

    def numbers(self, indices: Indices) -> Indices:
        """Which samples of `base` samples are, int64 [n] both."""
        return self._chosen[indices % len(self._chosen)]

    def repeat(self, times: int) -> Samples:
        """See `Samples.repeat`."""
        return Taken(self._base, self._chosen, _positive(times) * self._times)

    @property
    def seek_index(self) -> Path | None:
        """Where the seek index of `base` belongs, which is that of these, too."""
        return self._base.seek_index

    def joined_names(self) -> Joined:
        """Not to be had: a seek index is that of `base`."""
        raise TypeError("samples taken from a set share its seek index; give their `base`")

    def path(self, index: int) -> Path | None:
        """The file of a sample, as `base` has it."""
        return self._base.path(self.number(index))

    def name(self, index: int) -> str:
        """What `base` calls a sample."""
        name = self._base.name(self.number(index))
        return f"{name} of its base" if self.in_memory else name

    def stamp(self, index: int) -> Stamp | None:
        """See `Samples.stamp`."""
        return self._base.stamp(self.number(index))

    def places(self, indices: Indices) -> Places:
        """See `Samples.places`."""
        return self._base.places(self.numbers(indices))

    def read_stamped(self, index: int) -> tuple[bytes, Stamp]:
        """See `Samples.read_stamped`."""
        try:
            return self._base.read_stamped(self.number(index))
        except BadSampleError as error:
            raise BadSampleError(index, error.name, error.cause) from error.__cause__


def _positive(times: int) -> int:
    if times < 1:
        raise ValueError(f"times must be at least 1; got {times}")
    return times
