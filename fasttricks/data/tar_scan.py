"""What is where in a tar, without unpacking it; also in a tar that is a member of another."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fasttricks.data.folder import is_picture
from fasttricks.data.pack_index import BLOCK
from fasttricks.errors import DataError

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}
_END = "head -c 1024 /dev/zero >> FILE"
_BROKEN = (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError, MemoryError)
"""What tarfile raises on bytes that are no tar."""


class TarMember(NamedTuple):
    """A regular file in a tar. Places are bytes from the beginning of the outermost file."""

    name: str
    """As `os.fsdecode` gives it: bytes that are not UTF-8 are kept."""
    header: int
    """Where the first block of the member is."""
    offset: int
    """Where its content begins. The 512 bytes before it are the last block of its header."""
    size: int


def scan_tar(path: str | os.PathLike[str], within: TarMember | None = None) -> Iterator[TarMember]:
    """The regular files in an uncompressed tar, in its order, with GNU's and PAX's long names.

    Args:
        path: the file.
        within: a member of it that is a tar itself: scan that instead.

    Raises:
        DataError: it cannot be read, is compressed, cut short, or no tar; while iterating, when
            that place is reached.
    """
    path = Path(path)
    called = f"{path}/{within.name}" if within else str(path)
    try:
        with open(path, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            first, end = (within.offset, within.offset + within.size) if within else (0, size)
            _refuse_compressed(file, first, called)
            file.seek(first)
            yield from _members(file, end, called)
    except OSError as error:
        raise DataError(f"{called} cannot be read: {error.strerror or error}") from error
    except _BROKEN as error:
        raise DataError(f"{called} is no tar, cut short or damaged: {error}") from error


def _members(file: BinaryIO, end: int, called: str) -> Iterator[TarMember]:
    """The members of the tar that begins where `file` stands; tarfile counts from there."""
    at = first = file.tell()
    tar = tarfile.TarFile(fileobj=file, mode="r", encoding="utf-8", errors="surrogateescape")
    while (member := tar.next()) is not None:
        if not at <= member.offset < tar.offset <= end:  # sizes may be negative, or too large
            raise DataError(f"{called} is cut short or damaged: {member.name!a} does not fit in")
        at = tar.offset
        if member.isreg():
            _refuse_sparse(member, called)
            yield TarMember(member.name, member.offset, member.offset_data, member.size)
        elif is_picture(os.path.basename(member.name)) and not member.isdir():
            raise DataError(
                f"{called}: {member.name!a} is no file but perhaps a link; make the tar again with "
                "tar --dereference --hard-dereference"
            )
        tar.members.clear()  # type: ignore[attr-defined]  # else it would keep all of them
    file.seek(at)
    if file.read(BLOCK) != bytes(BLOCK) or at + BLOCK > end:  # tarfile takes anything for the end
        what = "is no tar" if at == first else "is cut short or damaged"
        raise DataError(
            f"{called} {what}: no header and no end mark at byte {at}"
            + ("; copy it again, or if it is whole, end it: " + _END if at == end > first else "")
        )


def _refuse_sparse(member: tarfile.TarInfo, called: str) -> None:
    if member.issparse():
        raise DataError(f"{called}: {member.name!a} is sparse; make the tar again without --sparse")


def _refuse_compressed(file: BinaryIO, first: int, called: str) -> None:
    file.seek(first)
    start = file.read(8)
    for magic, kind in _COMPRESSED.items():
        if start.startswith(magic):
            raise DataError(
                f"{called} is compressed ({kind}), so nothing in it can be read in place: unpack it"
            )
