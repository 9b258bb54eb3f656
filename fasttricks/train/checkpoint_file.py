"""A checkpoint as a file: read without running what is inside, and only if it is undamaged."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from typing import Any, TypeGuard

import torch

from fasttricks.errors import FasttricksError

FORMAT = 1
"""Of what a checkpoint holds; others are refused."""

State = dict[str, Any]
"""Nested dicts, lists and tuples of tensors, numbers, strings and None."""


class CheckpointError(FasttricksError):
    """A checkpoint cannot be written or read; the message names the file and what is left."""


class DamagedError(CheckpointError):
    """What is in the file is not what was written."""


def load(path: str | os.PathLike[str]) -> State:
    """Read a checkpoint that `Checkpoints.save` wrote, to the CPU.

    Returns:
        `{"step", "epoch", "state", "format"}`.

    Raises:
        CheckpointError: it is missing, of another format, or no checkpoint of ours.
        DamagedError: it is damaged.
    """
    return checked(read(path), path)


def read(path: str | os.PathLike[str]) -> Any:
    """What torch finds in a file, to the CPU, without running any code in it.

    Raises:
        CheckpointError: it is missing, or cannot be read.
        DamagedError: torch says that it is damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no file {path}") from error
    except Exception as error:  # any error: torch raises many kinds for a damaged archive
        kind = CheckpointError if isinstance(error, OSError | MemoryError) else DamagedError
        raise kind(_why_unread(path, error)) from error


def checked(content: Any, path: str | os.PathLike[str]) -> State:
    """What was read from `path`, if it is what `Checkpoints.save` wrote there, to the bit.

    Raises:
        CheckpointError: it is of another format, or no checkpoint of ours.
        DamagedError: it is damaged.
    """
    if not is_ours(content):
        raise CheckpointError(f"{path} is not a checkpoint of fasttricks train")
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"checkpoint {path} has format {content['format']}; this version reads {FORMAT}"
        )
    _verify(path)
    return content


def is_ours(content: Any) -> TypeGuard[State]:
    """Whether something that was read is a checkpoint of fasttricks, of any format."""
    return isinstance(content, dict) and {"format", "state"} <= content.keys()


def _verify(path: str | os.PathLike[str]) -> None:
    """Raises DamagedError unless all checksums are right. torch does not look at them."""
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise DamagedError(f"checkpoint {path} is damaged: {_first_line(error)}") from error
    if wrong is not None:
        raise DamagedError(f"checkpoint {path} is damaged: {wrong} has another checksum")


@contextlib.contextmanager
def checksums() -> Iterator[None]:
    """Inside, torch writes the checksums that `_verify` looks at, whatever it was told."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(True)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def _why_unread(path: str | os.PathLike[str], error: Exception) -> str:
    """What is to be said where torch did not read a file.

    torch itself would advise to run what is inside.
    """
    if isinstance(error, RuntimeError) and _is_archive(path):
        return f"checkpoint {path} is damaged: {_first_line(error).partition('. ')[0]}"
    if isinstance(error, OSError):
        return f"cannot read {path}: {error.strerror}"
    return f"{path} is not a checkpoint that can be read: only tensors and plain values are"


def _is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as those do that torch writes: as a zip archive, whole or not."""
    with open(path, "rb") as file:
        return file.read(2) == b"PK"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
