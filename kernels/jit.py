"""The decorator of every CPU kernel: compiled by numba once per version of the source, without GIL.

numba's own cache notices an edit of the file that a function stands in, but not of a function that
it calls in another file, and would go on running the old callee. So the cache folder is named by a
hash of all sources of the function's package and of all kernels (see `kept`). Folders of versions
that were not used for a month are removed.

Compiling everything takes about a minute, so it is said once, on stderr, where it takes long.
"""

from __future__ import annotations

import hashlib
import inspect
import threading
import time
import weakref
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event
from numba.core.types.misc import unliteral

from fasttricks.cache import cache_dir, use
from fasttricks.kernels.kept import Kept, tell

R = TypeVar("R")

NOTICE = "fasttricks: compiling kernels, to be kept for this machine and version"
PATIENCE = 2.0
"""Seconds of compilation after which it is said."""


class Notice(event.Listener):
    """Says that kernels of ours are being compiled, once, when that has taken `PATIENCE`.

    Kernels that are called by others are compiled while those are, so there is often an occasion
    to look at the clock.
    """

    def __init__(self) -> None:
        self.kernels: weakref.WeakSet[Any] = weakref.WeakSet()
        self.told = False
        self._seconds = 0.0
        self._began: dict[int, list[float]] = {}

    def on_start(self, compiling: Any) -> None:
        """A function is going to be compiled, ours or another package's."""
        if compiling.data["dispatcher"] in self.kernels:
            self._began.setdefault(threading.get_ident(), []).append(time.monotonic())
            self._tell(self._began[threading.get_ident()][0])

    def on_end(self, compiling: Any) -> None:
        """It has been, or cannot be."""
        begun = self._began.get(threading.get_ident())
        if begun and compiling.data["dispatcher"] in self.kernels:
            self._tell(begun[0])
            last = begun.pop()
            self._seconds += 0 if begun else time.monotonic() - last

    def _tell(self, since: float) -> None:
        if not self.told and self._seconds + time.monotonic() - since > PATIENCE:
            self.told = True
            tell(NOTICE)


NOTICES = Notice()
event.register("numba:compile", NOTICES)


def _home(function: Callable[..., Any]) -> Path:
    """The folder of the `fasttricks.<package>` a function stands in, elsewhere that of its file."""
    folder = Path(inspect.getfile(function)).resolve().parent
    match function.__module__.split("."):
        case ["fasttricks", _, *inner, _] if inner:
            return folder.parents[len(inner) - 1]
    return folder


@cache
def _folder(home: Path) -> str:
    """The name, below `cache_dir()`, of the folder of kernels that stand in `home`; they may call
    those that stand here."""
    # What else code depends on: a search for index errors must not get code that lacks the check.
    digest = hashlib.sha256(f"{numba.__version__} {numba.config.BOUNDSCHECK}".encode())
    for folder in sorted({home, Path(__file__).resolve().parent}):
        for source in sorted(folder.rglob("*.py")):
            digest.update(str(source.relative_to(folder)).encode() + source.read_bytes())
    return f"numba/{digest.hexdigest()[:16]}"


@cache
def _used(home: Path) -> str:
    folder = _folder(home)
    use(cache_dir() / folder)
    return folder


def _compiled(function: Callable[..., R], **options: bool) -> Callable[..., R]:
    compiled: Any = numba.njit(nogil=True, error_model="numpy", **options)(function)
    if not numba.config.DISABLE_JIT:
        compiled._cache = Kept(function, _used(_home(function)))
        compiled.get_call_template = partial(_any_number, compiled.get_call_template)
        NOTICES.kernels.add(compiled)
    return compiled


def _any_number(template: Callable[..., Any], args: Any, kws: dict[str, Any]) -> Any:
    """Numba would compile a kernel anew for each number that a caller has as a constant."""
    return template(tuple(map(unliteral, args)), {name: unliteral(it) for name, it in kws.items()})


def kernel(function: Callable[..., R]) -> Callable[..., R]:
    """Compile `function` with numba: cached on disk, without the GIL, single-threaded.

    The result may be called from any Python thread and from inside other numba code. Nothing here
    is `parallel=True`: numba's thread layers abort or die when several threads or forked workers
    enter parallel code, and pipelines bring their own threads.
    """
    return _compiled(function)


def inlined(function: Callable[..., R]) -> Callable[..., R]:
    """As `kernel`, for a part of a loop that must not be a call: LLVM puts it in its callers.

    Give it numbers and tuples of them: arrays would be counted as references in every pass.
    """
    return _compiled(function, forceinline=True)
