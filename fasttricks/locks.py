"""Files whose lock (flock(2)) says that a process makes or uses them.

The kernel drops the locks of a killed process, so what nobody has locked is abandoned.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

_LOOK_S = 0.1
_SAY_AFTER_S = 5.0

T = TypeVar("T")


def wait_for(claim: Callable[[], T | None], owner: str) -> T:
    """What `claim` gives, as soon as it gives something; after five seconds stderr tells `owner`
    this waits for."""
    began, said = time.monotonic(), False
    while (claimed := claim()) is None:
        if not said and time.monotonic() - began >= _SAY_AFTER_S:
            print(f"fasttricks: waiting for {owner}", file=sys.stderr)
            said = True
        time.sleep(_LOOK_S)
    return claimed


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is (still) what is at a path; it may have been removed or replaced
    between opening and locking it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Remove those of these files that nobody has locked."""
    for path in paths:
        with contextlib.suppress(OSError), open(path, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(file.fileno(), path):
                path.unlink()
