"""Pictures that are parts of larger files: the members of tars, for the most part."""

from __future__ import annotations

import errno
import os
import resource
import stat
import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.data.given import as_numbers
from fasttricks.data.places import NO_BYTES, PLACE, SLICE, UNTOLD, Places
from fasttricks.data.samples import Joined, Samples, Stamp
from fasttricks.errors import BadSampleError, DataError


class Slices(Samples):
    """Pictures that are slices of larger files, read where they are.

    Files stay open, as many as half of the descriptors that this process may have. Threads may
    share the object; a pickled one opens its files again.

    Args:
        files: F paths.
        file: number of the file that a picture is in, integers [N] in [0, F).
        offset: where in the file it begins, integers [N].
        size: bytes, integers [N].
        names: what to call each picture, without the name of its file.
        targets, classes: as for `Samples`.

    Attributes:
        files, file, offset, size: as given.

    Raises:
        DataError: no pictures, targets that are no numbers, or not as many of one as of the other.
    """

    def __init__(
        self,
        files: Sequence[str | os.PathLike[str]],
        *,
        file: npt.NDArray[np.integer[Any]],
        offset: npt.NDArray[np.integer[Any]],
        size: npt.NDArray[np.integer[Any]],
        names: Sequence[bytes],
        targets: npt.ArrayLike | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        numbers = as_numbers(np.zeros(len(names), np.int64) if targets is None else targets)
        if not len(names) == len(file) == len(offset) == len(size) == len(numbers):
            raise DataError(f"{len(names)} pictures but {len(numbers)} targets")
        if len(names) == 0:
            raise DataError("the data set holds no pictures")
        ends = np.cumsum(np.fromiter(map(len, names), np.int64, len(names)))
        self._set(files, file, offset, size, b"".join(names), ends)
        self.targets, self.classes = numbers, list(classes)

    def _set(
        self,
        files: Sequence[str | os.PathLike[str]],
        file: npt.NDArray[np.integer[Any]],
        offset: npt.NDArray[np.integer[Any]],
        size: npt.NDArray[np.integer[Any]],
        block: bytes | memoryview,
        ends: npt.NDArray[np.integer[Any]],
    ) -> None:
        self.in_memory = False
        self.files = [Path(path) for path in files]
        self.file, self.offset, self.size = file, offset, size
        self._block, self._ends = block, ends
        self._open = OpenFiles(self.files)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} pictures in {len(self.files)} files)"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_open": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _open=OpenFiles(state["files"]))

    def close(self) -> None:
        """Close the files; reading opens them again."""
        self._open.close()

    def joined_names(self) -> Joined:
        """The names as they were given; their root is the file that all are in, or its folder."""
        return Joined(self._block, self._ends, os.fsencode(os.path.commonpath(self.files)))

    def path(self, index: int) -> Path | None:
        """None: no picture has a file for itself."""
        return None

    def member(self, index: int) -> bytes:
        """The name of a picture in its file."""
        return self._piece(index)

    def name(self, index: int) -> str:
        """What to call a sample in a message: the path of its file, then its name in there."""
        return f"{self.files[self.file[index]]}/{os.fsdecode(self._piece(index))}"

    def stamp(self, index: int) -> Stamp | None:
        """The picture's size and the time of the file that it is in; None if that is missing."""
        try:
            mtime_ns = self._open[int(self.file[index])].mtime_ns
        except OSError:
            return None
        return Stamp(int(self.size[index]), mtime_ns)

    def places(self, indices: npt.NDArray[np.int64]) -> Places:
        """See `Samples.places`; not told where the file cannot be opened."""
        table = np.zeros(len(indices), PLACE)
        if type(self).read_stamped is not Slices.read_stamped:
            return Places(table, NO_BYTES)
        held = self._locate(table, indices)
        return Places(table, NO_BYTES, held)

    def _locate(
        self, table: npt.NDArray[np.void], indices: npt.NDArray[np.int64]
    ) -> Sequence[OpenFile]:
        """Fill a table, PLACE [n], of pictures whose files can be opened; gives those."""
        numbers, which = np.unique(self.file[indices], return_inverse=True)
        files = [self._opened(int(number)) for number in numbers]
        opened = [
            (SLICE, file.fileno(), file.mtime_ns) if file else (UNTOLD, 0, 0) for file in files
        ]
        found = np.array(opened, np.int64).reshape(-1, 3)  # also where nothing was asked for
        table["kind"], table["descriptor"], table["mtime_ns"] = found[which].T
        table["at"], table["size"] = self.offset[indices], self.size[indices]
        return [file for file in files if file]

    def _opened(self, number: int) -> OpenFile | None:
        try:
            return self._open[number]
        except OSError:
            return None

    def read_stamped(self, index: int) -> tuple[bytes, Stamp]:
        """As `read`, with the picture's size and the time of its file when that was opened."""
        size, offset = int(self.size[index]), int(self.offset[index])
        try:
            file = self._open[int(self.file[index])]
            data = file.read(size, offset)
        except OSError as error:
            raise self.bad(index, f"cannot be read: {error.strerror}") from error
        return data, Stamp(size, file.mtime_ns)

    def bad(self, index: int, cause: str) -> BadSampleError:
        """The error that says what is wrong with a sample, and where it is."""
        return BadSampleError(index, self.name(index), cause)


class OpenFile:
    """A file open for reading, closed when the last user lets go of it."""

    def __init__(self, path: Path) -> None:
        # O_NONBLOCK: opening a named pipe would else wait without end.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        weakref.finalize(self, os.close, self._descriptor)
        status = os.fstat(self._descriptor)
        self.mtime_ns = status.st_mtime_ns
        if not stat.S_ISREG(status.st_mode):
            raise OSError(None, "not a regular file")

    def fileno(self) -> int:
        """Its descriptor, good as long as this object is there."""
        return self._descriptor

    def read(self, size: int, offset: int) -> bytes:
        """`size` bytes from `offset` on. Raises OSError, also where the file has fewer."""
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size:  # one call reads 2 GB at most, and may be interrupted
            more = os.pread(self._descriptor, size - len(data), offset + len(data))
            if not more:
                end = os.fstat(self._descriptor).st_size
                needed = f"{end} bytes, {offset + size} needed"
                raise OSError(None, f"the file is cut short: {needed}; copy it again")
            data += more
        return data


class OpenFiles:
    """The files of a list, each opened when it is first asked for and kept open for a while.

    Code that holds an `OpenFile` may go on reading it, whatever other threads ask for.
    """

    def __init__(self, paths: Sequence[Path], limit: int | None = None) -> None:
        self._paths = paths
        self._limit = limit or _half_of_all_descriptors()
        self._kept: OrderedDict[int, OpenFile] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, number: int) -> OpenFile:
        """An open file. Raises OSError if it cannot be opened."""
        with self._lock:
            if (file := self._kept.get(number)) is not None:
                self._kept.move_to_end(number)
                return file
        file = self._opened(number)
        with self._lock:
            self._kept[number] = file
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return file

    def _opened(self, number: int) -> OpenFile:
        try:
            return OpenFile(self._paths[number])
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
        self.close()  # others in this process need many; one that is free now will do
        return OpenFile(self._paths[number])

    def close(self) -> None:
        """Let go of all files."""
        with self._lock:
            self._kept.clear()


def _half_of_all_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else max(1, soft // 2)
