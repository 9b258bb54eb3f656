"""Reading files from compiled code: the C library's calls, without Python and without the GIL.

Calls are not retried after a signal and report no errno: callers fall back to Python. Addresses are
handed to LLVM as named symbols, because numba cannot keep code on disk that holds a ctypes pointer.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

from llvmlite import binding
from numba import types

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes

_CALLS = ("open", "close", "statx", "pread")
_library = ctypes.CDLL(None)

AVAILABLE = (
    platform.system() == "Linux"
    and (sys.byteorder, sys.maxsize) == ("little", 2**63 - 1)
    and all(hasattr(_library, name) for name in _CALLS)
)
"""Whether the functions here may be called; only Linux has `statx`, whose result is laid out alike
on all such machines."""

MOST_NAME = 4096
"""Bytes of the longest path, its final 0 included (PATH_MAX)."""
STATUS_BYTES = 256
"""Of the buffer that `status` needs."""

# O_NONBLOCK: a named pipe among the pictures would else be waited for without end.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_EMPTY_PATH = 0x1000  # AT_EMPTY_PATH: the file itself that the descriptor is of
_TYPE, _MTIME, _SIZE = 0x001, 0x040, 0x200  # STATX_TYPE and so on
_WANTED = _TYPE | _MTIME | _SIZE
_REGULAR, _KIND = 0o100000, 0o170000  # S_IFREG, S_IFMT
# Offsets of members of struct statx.
_MASK_AT, _MODE_AT, _SIZE_AT, _SECONDS_AT, _NANOSECONDS_AT = 0, 28, 40, 112, 120

_ADDRESS, _INT, _UINT, _LONG = types.int64, types.int32, types.uint32, types.int64


def _symbol(name: str, signature: types.Type) -> types.ExternalFunction:
    symbol = f"fasttricks_libc_{name}"
    if AVAILABLE:
        binding.add_symbol(symbol, ctypes.cast(getattr(_library, name), ctypes.c_void_p).value)
    return types.ExternalFunction(symbol, signature)


_open = _symbol("open", _INT(_ADDRESS, _INT))
_close = _symbol("close", _INT(_INT))
_statx = _symbol("statx", _INT(_INT, _ADDRESS, _INT, _UINT, _ADDRESS))
_pread = _symbol("pread", _LONG(_INT, _ADDRESS, _LONG, _LONG))


@kernel
def open_file(name: Bytes) -> int:
    """Open a file for reading. `name`: its path and a final 0. A descriptor, or -1."""
    return _open(name.ctypes.data, _FLAGS)


@kernel
def close_file(descriptor: int) -> None:
    """Close it; on Linux it is closed whatever the call says."""
    _close(descriptor)


@kernel
def read_at(descriptor: int, address: int, size: int, offset: int) -> int:
    """Read up to `size` bytes from `offset` of a file to memory at `address`; how many, or -1."""
    return _pread(descriptor, address, size, offset)


@kernel
def status(descriptor: int, buffer: Bytes) -> tuple[int, int]:
    """(bytes, time of modification in ns since 1970) of a regular file; (-1, 0) of all else.

    buffer: uint8 [STATUS_BYTES], any content.
    """
    buffer[:] = 0
    empty = buffer.ctypes.data + STATUS_BYTES - 1  # in spare members at the end: the empty path
    if _statx(descriptor, empty, _EMPTY_PATH, _WANTED, buffer.ctypes.data) != 0:
        return -1, 0
    if _number(buffer, _MASK_AT, 4) & _WANTED != _WANTED:
        return -1, 0
    if _number(buffer, _MODE_AT, 2) & _KIND != _REGULAR:
        return -1, 0
    seconds, nanoseconds = _number(buffer, _SECONDS_AT, 8), _number(buffer, _NANOSECONDS_AT, 4)
    return _number(buffer, _SIZE_AT, 8), 1_000_000_000 * seconds + nanoseconds


@kernel
def _number(buffer: Bytes, at: int, size: int) -> int:
    """A little-endian number of `size` bytes."""
    found = 0
    for i in range(size):
        found |= int(buffer[at + i]) << 8 * i
    return found
