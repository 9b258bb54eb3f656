"""libturbojpeg, callable from numba code and from Python.

The system's library (version 2 or later; only calls that both 2 and 3 have) decodes with the
accurate DCT and smooth chroma upsampling, as PIL does: `PLAIN` pictures come out bit for bit alike.
Function addresses are handed to LLVM as named symbols, because numba cannot keep code on disk that
holds a ctypes pointer.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding
from numba import types

from fasttricks.errors import DataError
from fasttricks.installed import NO_TURBOJPEG, find_turbojpeg
from fasttricks.kernels.jit import kernel

Bytes = npt.NDArray[np.uint8]

_RGB = 0  # TJPF_RGB
_ACCURATE_DCT = 4096  # TJFLAG_ACCURATEDCT; without TJFLAG_FASTUPSAMPLE chroma is interpolated
_CHROMA_420 = 2  # TJSAMP_420

_POINTER, _ULONG, _INT = types.int64, types.uint64, types.int32


def _load() -> ctypes.CDLL:
    name = find_turbojpeg()
    if name is None:
        raise ImportError(NO_TURBOJPEG)
    return ctypes.CDLL(name)


library = _load()
library.tjInitDecompress.restype = ctypes.c_void_p
library.tjInitCompress.restype = ctypes.c_void_p
library.tjDestroy.argtypes = [ctypes.c_void_p]
library.tjFree.argtypes = [ctypes.c_void_p]
library.tjGetErrorStr2.argtypes = [ctypes.c_void_p]
library.tjGetErrorStr2.restype = ctypes.c_char_p
library.tjDecompressHeader3.argtypes = [
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong),
    *[ctypes.POINTER(ctypes.c_int)] * 4,
]
library.tjCompress2.argtypes = [
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int),
    *(ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_ulong)),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_int),
]


def _symbol(name: str, signature: types.Type) -> types.ExternalFunction:
    """A library function under a name of our own: other libraries in the process bring theirs."""
    symbol = f"fasttricks_{name}"
    address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    binding.add_symbol(symbol, address)
    return types.ExternalFunction(symbol, signature)


_decompress = _symbol(
    "tjDecompress2",
    _INT(_POINTER, _POINTER, _ULONG, _POINTER, _INT, _INT, _INT, _INT, _INT),
)


@kernel
def decompress(handle, data, size, pixels, height, width):  # type: ignore[no-untyped-def]
    """Decode a whole JPEG to uint8 [height, width, 3] RGB; True if it went without complaint.

    On False ask PIL: some damage PIL accepts (libjpeg warns and goes on) and some it does not, and
    libturbojpeg reports an error that follows a warning as a warning, too.
    Never writes beyond height * width * 3 bytes: were the picture larger than that, libturbojpeg
    would scale it down.

    Args:
        handle: one of `Handles.addresses`; used by one thread at a time.
        data, size: address of the encoded bytes, and how many.
        pixels: address to write to, rows without gaps.
        height, width: the picture's own.
    """
    complaint = _decompress(
        handle, data, size, pixels, width, 3 * width, height, _RGB, _ACCURATE_DCT
    )
    return complaint == 0


class Handles:
    """Decoders of libturbojpeg, freed with this object.

    Attributes:
        addresses: int64 [count]; give each to one thread at a time.
    """

    def __init__(self, count: int) -> None:
        created = [library.tjInitDecompress() for _ in range(count)]
        if None in created:
            raise MemoryError("libturbojpeg cannot make a decoder")
        self.addresses = np.array(created, np.int64)
        self._free = weakref.finalize(self, _destroy, created)

    def close(self) -> None:
        """Free them now; they may not be used any more."""
        self._free()


def _destroy(handles: list[int]) -> None:
    for handle in handles:
        library.tjDestroy(handle)


def decode(data: bytes | Bytes, height: int, width: int) -> Bytes:
    """Decode one JPEG of known size to uint8 [height, width, 3] RGB.

    Raises:
        DataError: libturbojpeg cannot decode it, or warns of damage; says which.
    """
    encoded = np.frombuffer(data, np.uint8)
    pixels = np.empty((height, width, 3), np.uint8)
    handles = Handles(1)
    handle = int(handles.addresses[0])
    if not decompress(handle, encoded.ctypes.data, encoded.size, pixels.ctypes.data, height, width):
        raise DataError(f"libturbojpeg: {_reason(handle)}")
    return pixels


def stored_size(data: bytes | Bytes) -> tuple[int, int]:
    """(height, width) of one JPEG, in pixels, as libturbojpeg reads its header.

    Raises:
        DataError: libturbojpeg cannot read it, or warns of damage; says which.
    """
    encoded, facts = np.frombuffer(data, np.uint8), [ctypes.c_int() for _ in range(4)]
    handles = Handles(1)
    handle = int(handles.addresses[0])
    pointers = map(ctypes.byref, facts)
    if library.tjDecompressHeader3(handle, encoded.ctypes.data, encoded.size, *pointers):
        raise DataError(f"libturbojpeg: {_reason(handle)}")
    width, height = facts[0].value, facts[1].value
    if not (height and width):  # a file of tables only is no error to libturbojpeg
        raise DataError("libturbojpeg: there is no picture in it")
    return height, width


def encode(pixels: Bytes, quality: int) -> bytes:
    """Encode uint8 [H, W, 3] RGB as a baseline 4:2:0 JPEG of `quality` 1 to 100, without the GIL.

    Raises:
        DataError: libturbojpeg cannot encode it (a side above 65535, for one); says why.
    """
    pixels = np.ascontiguousarray(pixels)
    height, width, _ = pixels.shape
    return written(
        library.tjInitCompress(),
        lambda handle, data, size: library.tjCompress2(
            *(handle, pixels.ctypes.data, width, 3 * width, height, _RGB),
            *(data, size, _CHROMA_420, quality, _ACCURATE_DCT),
        ),
    )


def written(handle: int | None, write: Callable[[int, Any, Any], int]) -> bytes:
    """What a call of libturbojpeg writes into memory of its own.

    Args:
        handle: what the call takes, made for it; freed here.
        write: the call: from the handle and where to put address and size of what it has written,
            not 0 if it failed.

    Raises:
        DataError: it failed; says why.
    """
    if not handle:
        raise MemoryError("libturbojpeg has no memory")
    data, size = ctypes.c_void_p(), ctypes.c_ulong()
    try:
        if write(handle, ctypes.byref(data), ctypes.byref(size)):
            raise DataError(f"libturbojpeg: {_reason(handle)}")
        return ctypes.string_at(data, size.value)
    finally:
        library.tjFree(data)
        library.tjDestroy(handle)


def _reason(handle: int) -> str:
    return str(library.tjGetErrorStr2(handle).decode(errors="replace"))
