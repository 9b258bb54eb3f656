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


def resident(paths: Sequence[str], at_most: int = 200) -> float | None:
    """Share of the files' pages that are in memory, in [0, 1], from `at_most` files of the list;
    None if that is not told of any."""
    step = max(1, -(-len(paths) // at_most))
    found = []
    for path in paths[::step]:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            share = resident_share(file.fileno(), 0, size)
            if share is not None:
                found.append((size, share))
    total = sum(size for size, _ in found)
    return sum(size * share for size, share in found) / total if total else None


def resident_share(descriptor: int, offset: int, size: int) -> float | None:
    """Share of the pages of a part of an open file that are in memory, by mincore(2).

    None if that is not told: Linux tells only the owner of a file and those who may write to it,
    to others every page seems present; nor can it be of what is empty, cut short or no file.
    """
    if not size or not _is_told(descriptor):
        return None
    begin = offset // mmap.PAGESIZE * mmap.PAGESIZE
    length = offset + size - begin
    marks = np.zeros(-(-length // mmap.PAGESIZE), np.uint8)
    try:
        view = mmap.mmap(descriptor, length, access=mmap.ACCESS_READ, offset=begin)
    except (OSError, ValueError):
        return None
    with view:
        pages = np.frombuffer(view, np.uint8)
        address, answer = ctypes.c_void_p(pages.ctypes.data), ctypes.c_void_p(marks.ctypes.data)
        failed = ctypes.CDLL(None).mincore(address, ctypes.c_size_t(length), answer)
        del pages  # a view that is still looked at cannot be closed
    return None if failed else float((marks & 1).mean())


def _is_told(descriptor: int) -> bool:
    """Whether mincore(2) answers truthfully for an open file."""
    if os.fstat(descriptor).st_uid == os.geteuid():
        return True
    return os.access(f"/proc/self/fd/{descriptor}", os.W_OK)
