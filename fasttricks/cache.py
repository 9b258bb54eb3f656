"""Where fasttricks keeps what it can make again: generated pictures, packs, compiled kernels."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """The user's cache folder for fasttricks; not created here.

    `$FASTTRICKS_CACHE` if set, else `$XDG_CACHE_HOME/fasttricks`, else `~/.cache/fasttricks`.
    """
    if own := os.environ.get("FASTTRICKS_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fasttricks"
