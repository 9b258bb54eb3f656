"""A folder to make a data set in, out of sight until it is complete."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

_STALE_S = 3600.0  # what is made here takes minutes: a folder of an hour ago is a killed process's


@contextlib.contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A new sibling of `root`, so that a rename can publish it; gone at the end, come what may.

    What killed processes have left there is removed.

    Raises:
        OSError: it cannot be made.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    for left_over in root.parent.glob(f".{root.name}.*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left_over.stat().st_mtime > _STALE_S:
                shutil.rmtree(left_over, ignore_errors=True)
    scratch = root.parent / f".{root.name}.{secrets.token_hex(6)}.tmp"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
