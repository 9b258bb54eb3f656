"""Where the machine code of kernels is kept for the next process.

Left to itself, numba looks for another folder where it cannot write to the one it is given, in the
end beside the source, where code stays that is older than what it calls; a folder that can only be
read is of no use to it; and a full disk ends the program. Here code is read wherever it is, and
written to the cache folder, else to one of the user's own among the temporary files, else nowhere.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import caching

from fasttricks.cache import cache_dir, is_own, spare_dir, use


@cache
def tell(text: str) -> None:
    """Say something on stderr, once: of several processes, of loaders or of torchrun, one does."""
    if multiprocessing.parent_process() is None and os.environ.get("RANK", "0") == "0":
        print(text, file=sys.stderr, flush=True)


class _Locator(caching.UserProvidedCacheLocator):
    """The folder that numba is given, whether or not it can be written to."""

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator:
        return cls(py_func, py_file)


class _Code(caching.CompileResultCacheImpl):
    _locator_classes = (_Locator,)


class _Folder(caching.FunctionCache):
    _impl_class = _Code


def _in_folder(function: Callable[..., Any], folder: Path) -> _Folder:
    previous, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        return _Folder(function)
    finally:
        numba.config.CACHE_DIR = previous


class Kept(caching._Cache):
    """The code of one kernel, as numba's dispatchers want it in their `_cache`.

    Args:
        function: the kernel.
        name: of the folder of all that it depends on.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self._name = name
        self._folders = [_in_folder(function, at / name) for at in (cache_dir(), spare_dir())]

    @property
    def cache_path(self) -> str:
        """Where code is looked for first."""
        return str(self._folders[0].cache_path)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code for a signature; None if there is none that can be read."""
        for folder, trusted in zip(self._folders, (True, is_own(spare_dir())), strict=True):
            with suppress(OSError):
                if trusted and (code := folder.load_overload(sig, target_context)) is not None:
                    return code
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the code for a signature if that is possible; where it is not usual, say so."""
        first, spare = self._folders
        try:
            first.save_overload(sig, data)
        except OSError as error:
            why = f"fasttricks: kernels cannot be kept in {cache_dir()} ({error.strerror})"
            try:
                spare_dir().mkdir(mode=0o700, exist_ok=True)
                if not is_own(spare_dir()):
                    raise
                use(spare_dir() / self._name)
                spare.save_overload(sig, data)
            except OSError:
                tell(f"{why}, so each process compiles its own; FASTTRICKS_CACHE names a folder")
            else:
                tell(f"{why}; they are in {spare_dir()}. FASTTRICKS_CACHE names another folder")

    def enable(self) -> None:
        """See numba."""
        for folder in self._folders:
            folder.enable()

    def disable(self) -> None:
        """See numba."""
        for folder in self._folders:
            folder.disable()

    def flush(self) -> None:
        """See numba."""
        for folder in self._folders:
            folder.flush()
