"""What data sets are given, checked and as arrays: pictures, targets, lists of samples."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fasttricks.errors import DataError

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview
_PATH = (str, os.PathLike)
_IN_MEMORY = (bytes, bytearray, memoryview)

_WANTED = "targets must be an array [N] or [N, ...] of numbers"
_INSTEAD = (
    "what does not fit into one array stays with you: give targets=range(N) and look it up by these"
)


def are_in_memory(pictures: Sequence[Picture]) -> bool:
    """Whether they are bytes; False for paths.

    Raises:
        DataError: there are none, or they are anything else, or both.
    """
    if isinstance(pictures, (str, *_IN_MEMORY)) or not hasattr(pictures, "__len__"):
        given = type(pictures).__name__
        raise DataError(f"pictures must be a list of paths or a list of bytes; got one {given}")
    if len(pictures) == 0:
        raise DataError("the data set holds no pictures")
    kinds = set(map(type, pictures))
    in_memory = all(issubclass(kind, _IN_MEMORY) for kind in kinds)
    if not (in_memory or all(issubclass(kind, _PATH) for kind in kinds)):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise DataError(f"pictures must be all paths or all bytes; got {names}")
    return in_memory


def path_bytes(path: str | os.PathLike[str]) -> bytes:
    """A path as the system takes it.

    Raises:
        DataError: no file can have it.
    """
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise DataError(f"{os.fspath(path)!r} cannot be the path of a file: {error}") from error
    if b"\0" in name:
        raise DataError(f"{os.fspath(path)!r} cannot be the path of a file: it holds a null byte")
    return name


def current_folder() -> str:
    """What relative paths are relative to; "" where it has been removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def as_numbers(targets: npt.ArrayLike) -> npt.NDArray[Any]:
    """The targets as an array of a dtype that torch has.

    Tensors are taken without their gradients, from wherever they are, bfloat16, which NumPy has
    not, as float32.

    Raises:
        DataError: they are no array of numbers.
    """
    try:
        array = np.asarray(_detached(targets))
    except (ValueError, TypeError, RuntimeError) as error:
        ragged = "rows of different lengths in" if isinstance(error, ValueError) else "got"
        raise DataError(f"{_WANTED}; {ragged} a {type(targets).__name__}; {_INSTEAD}") from error
    if array.ndim == 0 or array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        given = f"{array.dtype} {list(array.shape)}".replace("\n", " ")
        if array.dtype.kind == "O":
            given = f"{given if array.ndim else f'a {type(targets).__name__}'}; {_INSTEAD}"
        raise DataError(f"{_WANTED}: bools, integers or floats of at most 64 bits; got {given}")
    if 0 in array.shape[1:]:
        raise DataError(f"{_WANTED}; got {list(array.shape)}, not one for a picture")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def as_class_names(classes: Sequence[str]) -> list[str]:
    """The names as a list.

    Raises:
        DataError: they are one text, which Python would take for a list of its letters.
    """
    if isinstance(classes, str | bytes):
        raise DataError(f"classes must be a list of names; got one name, {classes!r}")
    return list(classes)


def check_classes(targets: npt.NDArray[Any], count: int) -> None:
    """Whether class indices, if that is what they are, are those of `count` classes.

    Raises:
        DataError: one is not; names the first sample.
    """
    if not count or targets.ndim != 1 or targets.dtype.kind not in "iu":
        return
    wrong = np.flatnonzero((targets < 0) | (targets >= count))
    if len(wrong):
        raise DataError(
            f"with {count} classes targets must lie in [0, {count}); got {targets[wrong[0]]} for "
            f"sample {wrong[0]}" + (f" and {len(wrong) - 1} more such" if len(wrong) > 1 else "")
        )


def as_indices(indices: npt.ArrayLike, count: int) -> npt.NDArray[np.int64]:
    """Samples of a set of `count`, given by number or as a mask, as their numbers int64 [M].

    Raises:
        IndexError: there is no such sample.
        DataError: none are chosen, or they are neither integers [M] nor bools [count].
    """
    try:
        array = np.asarray(_detached(indices))
    except (ValueError, TypeError, RuntimeError):
        array = np.empty((), object)
    if array.dtype.kind == "b" and array.shape == (count,):
        array = np.flatnonzero(array)
    if array.ndim == 1 and not array.size:
        raise DataError("take: no sample is chosen")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        given = f"{array.dtype} {list(array.shape)}" if array.ndim else type(indices).__name__
        raise DataError(
            f"take: indices must be integers [M], or bools [N] with N = {count}; got {given}"
        )
    wrong = array[(array < 0) | (array >= count)]
    if len(wrong):
        raise IndexError(f"take: sample numbers must lie in [0, {count}); got {wrong[0]}")
    return array.astype(np.int64)


def _detached(given: Any) -> Any:
    """A tensor as NumPy takes it; anything else as it is. Does not import torch."""
    if not (hasattr(given, "detach") and hasattr(given, "cpu")):
        return given
    tensor = given.detach().cpu()
    return tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor
