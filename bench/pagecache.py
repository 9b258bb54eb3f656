"""Dropping files from the page cache, and looking how much of them is in it."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Sequence

import numpy as np


def drop(paths: Sequence[str]) -> None:
    """Ask the kernel to forget the files' pages. Needs no rights.

    Pages that are mapped or not yet written stay, and so do files on a tmpfs: ask `resident`.
    """
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def resident(paths: Sequence[str], at_most: int = 200) -> float:
    """Share of the files' pages that are in memory, in [0, 1], from `at_most` files of the list.

    Linux answers truthfully for files that the caller owns or may write, else with 1.
    """
    step = max(1, -(-len(paths) // at_most))
    marks = np.concatenate([np.zeros(0, bool), *(_pages(path) for path in paths[::step])])
    return float(marks.mean()) if len(marks) else 0.0


def _pages(path: str) -> np.ndarray:
    """For each page of a file whether it is in memory, bool, by mincore(2)."""
    size = os.path.getsize(path)
    if size == 0:
        return np.zeros(0, bool)
    marks = np.zeros(-(-size // mmap.PAGESIZE), np.uint8)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        pages = np.frombuffer(view, np.uint8)
        address, answer = ctypes.c_void_p(pages.ctypes.data), ctypes.c_void_p(marks.ctypes.data)
        failed = ctypes.CDLL(None).mincore(address, ctypes.c_size_t(size), answer)
        del pages  # a view that is still looked at cannot be closed
    return np.ones(1, bool) if failed else marks & 1 == 1
