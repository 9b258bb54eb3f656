"""A block of memory that processes of one user share, made once and gone with the last of them.

It is a file in a file system that lives in memory, mapped by all. Every user has a shared flock(2)
on it; one that gets an exclusive lock is alone with it and may remove it. A killed process loses
its locks, so what it leaves behind is found out by the next one that makes a block. flock belongs
to the opened file, so a forked child goes on using what its parent has opened.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import stat
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks import locks
from fasttricks.errors import DataError
from fasttricks.locks import is_at, wait_for
from fasttricks.memory import available_memory

Bytes = npt.NDArray[np.uint8]

FOLDER_VARIABLE = "FASTTRICKS_SHM"
SHARED_MEMORY = Path("/dev/shm")

_ENDING = ".pixels"
_MOST = 0.95
"""Of the memory that is free: with none left at all, the next batch would end the process."""


class Recipe(NamedTuple):
    """How to make a block."""

    size: int
    """Bytes."""
    fill: Callable[[Bytes], bytes]
    """Writes uint8 [size], all of it zeros; what it returns is put behind that."""
    what: str
    """What it is, for messages."""
    advice: str
    """What to do if there is no room for it."""


class Block:
    """A block in use.

    Attributes:
        bytes: uint8 [n], read-only.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        """Takes over the descriptor of a complete file on which there is a shared lock."""
        self.path = path
        size = os.fstat(descriptor).st_size
        self.bytes = np.frombuffer(mmap.mmap(descriptor, size, prot=mmap.PROT_READ), np.uint8)
        self._release = weakref.finalize(self, _release, descriptor, path, os.getpid())

    def close(self) -> None:
        """Use it no longer; the last one to do so removes it. The memory stays mapped as long as
        there are views of `bytes`."""
        self.bytes = np.empty(0, np.uint8)
        self._release()


def share(key: str, prepare: Callable[[], Recipe]) -> Block:
    """The block of this name; made here if no living process has it.

    One process of a user makes a block at a time and others wait, so that each of them sees how
    much room there really is. After five seconds of waiting a line on stderr says so.

    Raises:
        DataError: there is no room for it (says how much it needs), or no place.
    """
    folders = _folders()
    if (block := _join(key, folders)) is not None:
        return block
    with _locked(folders[0]):
        if (block := _join(key, folders)) is not None:  # another process has just made it
            return block
        remove_abandoned(folders[0])
        for folder in folders[1:]:
            with contextlib.suppress(OSError), _tried(folder):
                remove_abandoned(folder)
        recipe = prepare()
        folder = _place(recipe, folders)
        if folder == folders[0]:
            return _make(folder / (key + _ENDING), recipe)
        with _locked(folder):
            return _make(folder / (key + _ENDING), recipe)


def remove_abandoned(folder: Path) -> None:
    """Remove what no process uses any more.

    Call with the folder's lock held: else a block just begun would look abandoned.
    """
    locks.remove_abandoned([*folder.glob("*" + _ENDING), *folder.glob("*.part")])


# ------------------------------------------------------------------------------------------- places


def _folders() -> list[Path]:
    """This user's folders, in the order in which they are tried; they need not exist."""
    chosen, usual = os.environ.get(FOLDER_VARIABLE), tempfile.gettempdir()
    if chosen:
        homes = [Path(chosen).expanduser()]
    elif SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        homes = [SHARED_MEMORY, Path(usual)]
    else:
        homes = [Path(usual)]
    return [home / f"fasttricks-{os.getuid()}" for home in homes]


def _place(recipe: Recipe, folders: list[Path]) -> Path:
    """The first folder that has room for it.

    Raises:
        DataError: none has, or the memory would not do.
    """
    memory, free = available_memory(), [_free(folder) for folder in folders]
    for folder, room in zip(folders, free, strict=True):
        if recipe.size <= _MOST * min(room, memory):
            if folder != folders[0]:
                print(
                    f"fasttricks: {folders[0].parent} has {_gb(free[0])} free for {recipe.what}, "
                    f"which need {_gb(recipe.size)}; they are kept in {folder}",
                    file=sys.stderr,
                )
            return folder
    rooms = ", ".join(
        f"{_gb(room)} in {folder.parent}" for folder, room in zip(folders, free, strict=True)
    )
    raise DataError(
        f"{recipe.what} need {_gb(recipe.size)} and there are {_gb(memory)} of memory free, "
        f"{rooms} (at most {_MOST:.0%} are taken); {recipe.advice}, or name another folder with "
        f"{FOLDER_VARIABLE}"
    )


def _free(folder: Path) -> int:
    """Bytes that can be written to the file system of a folder."""
    while not folder.exists():
        folder = folder.parent
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def _gb(size: int) -> str:
    return f"{size / 1e9:,.3f} GB" if size < 1e9 else f"{size / 1e9:,.1f} GB"


# -------------------------------------------------------------------------------------------- locks


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder is there and no other process makes or takes away anything in it meanwhile."""
    descriptor = wait_for(lambda: _claim(folder), f"another process in {folder}")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it is not empty
            folder.rmdir()
        os.close(descriptor)


def _claim(folder: Path) -> int | None:
    """The descriptor of a locked folder of this user's own; None if another process has it.

    Raises:
        DataError: it cannot be had.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        if not folder.parent.is_dir():
            raise DataError(f"{folder.parent} is not a folder; see {FOLDER_VARIABLE}") from error
        return None  # removed by another process since it was made
    except OSError as error:
        raise DataError(f"cannot use {folder}: {error.strerror or error}") from error
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022:
            raise DataError(
                f"{folder} can be written by others: remove it, or see {FOLDER_VARIABLE}"
            )
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_at(descriptor, folder):
            return descriptor
    except BlockingIOError:
        pass
    except OSError as error:
        os.close(descriptor)
        raise DataError(f"{folder} cannot be locked: {error.strerror or error}") from error
    except DataError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _join(key: str, folders: list[Path]) -> Block | None:
    """A complete block that is there already."""
    for folder in folders:
        path = folder / (key + _ENDING)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            own = os.fstat(descriptor).st_uid == os.getuid()
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # else it is being removed
            if own and is_at(descriptor, path):
                return Block(descriptor, path)
        except OSError:
            pass
        os.close(descriptor)
    return None


def _make(path: Path, recipe: Recipe) -> Block:
    """Write a block; under its name it is always complete."""
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        # Pages that are only promised would kill the process that finds none when it writes.
        os.posix_fallocate(descriptor, 0, recipe.size)
        rest = recipe.fill(np.frombuffer(mmap.mmap(descriptor, recipe.size), np.uint8))
        os.pwrite(descriptor, rest, recipe.size)
        part.rename(path)
        return Block(descriptor, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        os.close(descriptor)
        if isinstance(error, OSError):
            raise DataError(
                f"cannot keep {recipe.what} in {path.parent}: {error.strerror or error}; "
                f"{recipe.advice}, or name another folder with {FOLDER_VARIABLE}"
            ) from error
        raise


def _release(descriptor: int, path: Path, owner: int) -> None:
    """Give up a shared lock, and remove the file if no other process has one."""
    # A forked child that ends must not do it: the lock is its parent's, too.
    if os.getpid() == owner:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(descriptor, path):
                path.unlink()
                with _tried(path.parent):
                    path.parent.rmdir()
        except OSError:  # others use it, or something in its folder
            # Unlock explicitly: the mapping holds a duplicate descriptor.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


@contextlib.contextmanager
def _tried(folder: Path) -> Iterator[None]:
    """The lock of a folder, without waiting: BlockingIOError if another process has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
