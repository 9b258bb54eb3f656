"""Where fasttricks keeps what it can make again: generated pictures, packs, compiled kernels."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

UNUSED = 30 * 24 * 3600
"""Seconds after which what nobody has used is removed."""


def cache_dir() -> Path:
    """The user's cache folder for fasttricks; not created here.

    `$FASTTRICKS_CACHE` if set, else `$XDG_CACHE_HOME/fasttricks`, else `~/.cache/fasttricks`; for a
    user without a home, `spare_dir()`.
    """
    if own := os.environ.get("FASTTRICKS_CACHE"):
        return Path(own)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "fasttricks"
    try:
        return Path.home() / ".cache" / "fasttricks"
    except RuntimeError:  # a user without a name, as in containers
        return spare_dir()


def spare_dir() -> Path:
    """Where to keep what the cache folder cannot take, among the temporary files; not created."""
    return Path(tempfile.gettempdir()) / f"fasttricks-{os.getuid()}"


def is_own(folder: Path) -> bool:
    """Whether a folder is there, and this user alone can have put something into it."""
    with suppress(OSError):
        status = folder.lstat()
        mode = status.st_mode
        return stat.S_ISDIR(mode) and status.st_uid == os.getuid() and not mode & 0o022
    return False


def use(folder: Path) -> None:
    """Note that a folder is used, and remove those beside it that nobody has used for long.

    Safe with several processes: a folder is noted before anything in it is used, and leaves in one
    step under another name before it is emptied. Where nothing can be written, nothing happens.
    """
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
    with suppress(OSError):
        for other in list(folder.parent.iterdir()):
            _remove_unused(other)


def _remove_unused(folder: Path) -> None:
    with suppress(OSError):  # another process is faster, or it is another user's
        if folder.is_dir() and folder.lstat().st_mtime < time.time() - UNUSED:
            # What a killed process leaves has this form too, is as old, and goes the next time.
            leaving = folder.with_name(f".{os.getpid()}-{folder.name[-16:]}")
            folder.rename(leaving)
            shutil.rmtree(leaving, ignore_errors=True)
