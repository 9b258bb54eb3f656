"""The index file of a pack, byte for byte: writing one, and opening one with checks.

Another reader can be written from `docs/pack-format.md`.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttricks.data.sections import Buffer, Form, map_file, write_header
from fasttricks.errors import DataError

INDEX_NAME, SEEK_NAME, MANIFEST_NAME = "pack.index", "pack.seek", "manifest.jsonl"
"""The files beside the shards of a pack."""

MAGIC = b"\x89FTPACK\n"
FORMAT = 1
"""Raised when the layout changes or the meaning of what is in it."""
SECTIONS = ("head", "members", "targets", "name_ends", "names")
"""In this order, each at a multiple of ALIGN bytes; zeros between them."""

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("format", "<u4"),
        ("header_size", "<u4"),
        ("file_size", "<u8"),
        ("count", "<u8"),
        ("sections", [("offset", "<u8"), ("length", "<u8")], (len(SECTIONS),)),
        ("reserved", "u1", (8,)),
        ("content_crc", "<u4"),
        ("crc", "<u4"),
    ]
)

MEMBER = np.dtype(
    [("offset", "<u8"), ("size", "<u4"), ("shard", "<u4"), ("crc", "<u4"), ("header_crc", "<u4")]
)
"""Where a sample's picture is: `offset` and `size` of its bytes in shard number `shard`, and their
CRC-32; `header_crc` is that of the 512 bytes before them, the last block of the member's header."""

BLOCK = 512
"""Bytes of a tar block."""

ADVICE = (
    "pack it again (fasttricks pack), or, if the tars are not from there, remove it and run: "
    "fasttricks index FOLDER"
)
FORM = Form("pack index", MAGIC, FORMAT, HEADER, ADVICE)

_CONTRADICTIONS = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
_TARGET_DTYPE = re.compile(r"[<|][biuf][1248]")


class PackIndex(NamedTuple):
    """An opened index; its arrays are views of the mapped file, read-only."""

    shards: list[tuple[str, int]]
    """File name, relative to the pack's folder, and bytes of each shard."""
    classes: list[str]
    in_place: bool
    """Whether the tars were there first and the index was made for them."""
    members: NDArray[Any]
    """MEMBER [N], in the order of the samples."""
    targets: NDArray[Any]
    """[N] or [N, K]."""
    ends: NDArray[np.int64]
    """[N], where the name of each member ends in `names`."""
    names: memoryview
    """The names of the members in their tars, joined."""
    crc: int
    """Of the header, and by that of everything."""


def write_pack_index(
    file: BinaryIO,
    *,
    shards: Sequence[tuple[str, int]],
    members: NDArray[Any],
    names: Sequence[bytes],
    targets: NDArray[Any],
    classes: Sequence[str],
    in_place: bool = False,
) -> None:
    """Write an index to an empty file, which is flushed but not closed.

    Args:
        file: empty, writable in binary.
        shards: (file name relative to the folder of the index, bytes) of each shard.
        members: MEMBER [N], in the order of the samples.
        names: of the members in their tars, in the same order.
        targets: [N] or [N, K] bools, integers or floats of at most 64 bits.
        classes: names of the classes; empty where targets are no class indices.
        in_place: the index is made for tars that were there already.

    Raises:
        ValueError: the arguments do not belong together.
        OSError: the file cannot be written.
    """
    if not 0 < len(members) == len(names) == len(targets):
        raise ValueError("members, names and targets must be equally many, and some")
    head = _head(shards, classes, targets, in_place)
    ends = np.cumsum(np.fromiter(map(len, names), "<i8", len(names)))
    arrays = (members.astype(MEMBER), _little(targets), ends)
    content = [head, *(array.tobytes() for array in arrays), b"".join(names)]
    header = FORM.begin()
    header["count"] = len(members)
    header["sections"] = FORM.layout([len(section) for section in content])
    if problem := _contradiction(header, json.loads(head), members, ends):
        raise ValueError(problem)
    crc, at = 0, HEADER.itemsize
    file.seek(at)
    for section, offset in zip(content, header["sections"]["offset"].tolist(), strict=True):
        for piece in (bytes(offset - at), section):
            file.write(piece)
            crc = zlib.crc32(piece, crc)
        at = offset + len(section)
    header["file_size"], header["content_crc"] = at, crc
    write_header(file, header)


def _head(
    shards: Sequence[tuple[str, int]],
    classes: Sequence[str],
    targets: NDArray[Any],
    in_place: bool,
) -> bytes:
    content = {
        "shards": [[name, int(size)] for name, size in shards],
        "classes": list(classes),
        "targets": [_little(targets).dtype.str, list(targets.shape[1:])],
        "in_place": in_place,
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _little(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))


# ----------------------------------------------------------------------------------------- opening


def open_pack_index(path: str | os.PathLike[str]) -> PackIndex:
    """Map an index into memory and check all of it.

    Raises:
        DataError: it cannot be opened, is not an index, of another format, cut short or damaged.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            buffer = map_file(file)
    except OSError as error:
        raise DataError(f"cannot open the pack index {path}: {error.strerror}") from error
    if buffer[: len(MAGIC)] != MAGIC:
        raise DataError(f"{path} is not a pack index; {ADVICE}")
    header = FORM.check(buffer, path).copy()
    if zlib.crc32(memoryview(buffer)[HEADER.itemsize :]) != header["content_crc"]:
        raise DataError(f"the pack index {path} is damaged: its checksum does not fit; {ADVICE}")
    # From here on it is as it was written; but perhaps by another program.
    try:
        parts = _parts(buffer, header)
    except _CONTRADICTIONS as error:
        raise DataError(f"the pack index {path} contradicts itself ({error}); {ADVICE}") from error
    if isinstance(buffer, mmap.mmap):
        buffer.madvise(mmap.MADV_DONTNEED)  # else all of it would count as this process's memory
    return parts


def _parts(buffer: Buffer, header: Any) -> PackIndex:
    """The sections of an index. Raises ValueError, or what else goes wrong, if they do not fit."""
    count = int(header["count"])
    head_at, members_at, targets_at, ends_at, names_at = header["sections"]["offset"].tolist()
    lengths = header["sections"]["length"].tolist()
    head = json.loads(buffer[head_at : head_at + lengths[0]])
    dtype, shape = head["targets"]
    if not _TARGET_DTYPE.fullmatch(dtype) or not all(type(n) is int and n > 0 for n in shape):
        raise ValueError("targets of no known kind")
    row = np.dtype((dtype, tuple(shape)))
    sizes = [lengths[0], MEMBER.itemsize * count, row.itemsize * count, 8 * count, lengths[4]]
    if lengths != sizes or FORM.layout(sizes) != list(map(tuple, header["sections"].tolist())):
        raise ValueError("its sections have other sizes")
    if names_at + lengths[4] != header["file_size"]:
        raise ValueError("its sections do not end where it ends")
    members = np.frombuffer(buffer, MEMBER, count, members_at)
    ends = np.frombuffer(buffer, "<i8", count, ends_at)
    if problem := _contradiction(header, head, members, ends):
        raise ValueError(problem)
    return PackIndex(
        shards=[(name, size) for name, size in head["shards"]],
        classes=head["classes"],
        in_place=head["in_place"],
        members=members,
        targets=np.frombuffer(buffer, row, count, targets_at),
        ends=ends,
        names=memoryview(buffer)[names_at : names_at + lengths[4]],
        crc=int(header["crc"]),
    )


def _contradiction(
    header: Any, head: dict[str, Any], members: NDArray[Any], ends: NDArray[np.int64]
) -> str:
    """What does not belong together in an index; "" if nothing."""
    shards, names = head["shards"], [*head["classes"], *(name for name, _ in head["shards"])]
    if not all(isinstance(name, str) for name in names) or type(head["in_place"]) is not bool:
        return "names that are no text"
    if any(not _stays_inside(name) for name, _ in shards):
        return "a shard that is not in the pack's folder"
    if len(members) == 0 or members["shard"].max() >= len(shards):
        return "no samples" if len(members) == 0 else "a sample in a shard that is not listed"
    sizes = np.array([size for _, size in shards], np.uint64)
    last = members["offset"] + members["size"]  # wraps around, but not to below offset and size
    if (last < members["offset"]).any() or (last > sizes[members["shard"]]).any():
        return "a sample that lies beyond the end of its shard"
    if members["offset"].min() < BLOCK:
        return "a sample without a tar header before it"
    if ends[0] < 0 or (ends[1:] < ends[:-1]).any():
        return "names that end before they begin"
    if ends[-1] != header["sections"]["length"][-1]:
        return "names that do not add up"
    return ""


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts
