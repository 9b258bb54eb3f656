"""A file that appears complete or not at all, and that one process at a time makes.

It is written beside its place under a name of its own and renamed at the end. The unfinished file
is also the lock (flock(2)): what a killed process leaves behind is locked by nobody, and the
process that comes next writes over it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fasttricks import locks
from fasttricks.errors import DataError

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class Unfinished:
    """A file being written. It is removed when its context ends, unless `publish` was called."""

    def __init__(self, file: BinaryIO, path: Path, target: Path) -> None:
        self.file = file
        self._path = path
        self._target = target
        self._published = False

    def publish(self) -> None:
        """Make the file durable, then put it in the place of its target at one stroke."""
        self.file.flush()
        os.fsync(self.file.fileno())  # else a power cut could leave the name without the content
        self._path.replace(self._target)
        self._published = True

    def discard(self) -> None:
        """Remove what was not published."""
        if not self._published:
            # Only the holder of the lock gives or takes the name, so it is still this file's.
            self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def unfinished(target: Path, what: str) -> Iterator[Unfinished]:
    """Write `target` alone: waits until no other process (or thread) is writing it.

    The caller looks whether another process has just finished it. After five seconds of waiting a
    line on stderr says so.

    Args:
        target: the file; its folder is made.
        what: what it is, for messages.

    Raises:
        DataError: the file system cannot lock files.
        OSError: the folder cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    path = unfinished_path(target)
    with locks.wait_for(lambda: _claim(path, what), f"another process that makes {what}") as file:
        work = Unfinished(file, path, target)
        try:
            yield work
        finally:
            work.discard()


def unfinished_path(target: Path) -> Path:
    """Where `target` is while it is being written."""
    return target.with_name(f".{target.name}.part")


def remove_abandoned(folder: Path, ending: str) -> None:
    """Remove what killed processes left of files `*ending` in `folder`, no living one's work."""
    locks.remove_abandoned(folder.glob(f".*{ending}.part"))


def _claim(path: Path, what: str) -> BinaryIO | None:
    """The unfinished file, empty and locked; None if another process has it."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Else it was finished or given up just before we locked it.
        if locks.is_at(file.fileno(), path):
            file.truncate(0)
            return file
    except BlockingIOError:
        pass
    except OSError as error:
        file.close()
        if error.errno in _NO_LOCKS:
            path.unlink(missing_ok=True)
            raise DataError(
                f"cannot make {what}: the file system of {path.parent} has no file locks"
            ) from error
        raise
    file.close()
    return None
