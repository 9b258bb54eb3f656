"""What is installed here, found out without importing any of it."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util

NO_TURBOJPEG = "the system library libturbojpeg is missing: apt-get install libturbojpeg0"

_TURBOJPEG = "libturbojpeg.so.0"  # in versions 2 and 3 alike


def is_installed(package: str) -> bool:
    """Whether a package can be imported; only what is before its last dot is."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # not even its parent
        return False


def find_turbojpeg() -> str | None:
    """The name by which `ctypes.CDLL` loads libturbojpeg; None where there is none."""
    if _loads(_TURBOJPEG):
        return _TURBOJPEG
    other = ctypes.util.find_library("turbojpeg")
    return other if other is not None and _loads(other) else None


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
