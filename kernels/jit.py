"""The decorator of every CPU kernel: compiled by numba once per version of the source, without GIL.

numba's own cache notices an edit of the file that a function stands in, but not of a function that
it calls in another file, and would go on running the old callee. So the cache folder is named by a
hash of all sources beside the function and of all kernels.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import numba

from fasttricks.cache import cache_dir

R = TypeVar("R")


@cache
def _folder(home: Path) -> str:
    """The cache folder of kernels that stand in `home`; they may call those that stand here."""
    # What else code depends on: whoever looks for an error of indices must not find code without.
    digest = hashlib.sha256(f"{numba.__version__} {numba.config.BOUNDSCHECK}".encode())
    for folder in sorted({home, Path(__file__).resolve().parent}):
        for source in sorted(folder.glob("*.py")):
            digest.update(source.name.encode() + source.read_bytes())
    return str(cache_dir() / "numba" / digest.hexdigest()[:16])


def kernel(function: Callable[..., R]) -> Callable[..., R]:
    """Compile `function` with numba: cached on disk, without the GIL, single-threaded.

    The result may be called from any Python thread and from inside other numba code. Nothing here
    is `parallel=True`: numba's thread layers abort or die when several threads or forked workers
    enter parallel code, and pipelines bring their own threads.
    """
    home = Path(inspect.getfile(function)).resolve().parent
    previous, numba.config.CACHE_DIR = numba.config.CACHE_DIR, _folder(home)
    try:
        compiled: Callable[..., R] = numba.njit(cache=True, nogil=True, error_model="numpy")(
            function
        )
        return compiled
    finally:
        numba.config.CACHE_DIR = previous
