"""The `.beton` container: its layout, and opening one with checks (`beton.pack` writes it).

The layout is FFCV's, version 2, and FFCV's own reader takes it: header, two field descriptors
("image", "label"), one metadata record a sample, pages of encoded pictures, a table of them. What
FFCV has no place for stands in a *directory* between pictures and table; the 1024 bytes of
arguments of the image field say where, as JSON. The directory is: where each name ends (u8 [N]),
CRC-32 of each sample's bytes (u4 [N]), the names joined, and as JSON classes, causes and settings.

The header and the descriptors, here the *head*, end in a checksum of themselves, and the arguments
hold one of everything else except the pictures. So nothing is read by a number that may be wrong.

`jpg` and `raw` files use FFCV's own image field, so stock FFCV reads them too (we do not read its:
they have no checksums); a bad file is one black pixel there. `source` files use a field of ours.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.cache import cache_dir
from fasttricks.data.pixels import ppm
from fasttricks.data.samples import Samples, Stamp
from fasttricks.errors import BadSampleError, DataError

FORMAT = 3
"""Version of what is ours in the file: arguments, directory and source field."""
MODES = ("source", "jpg", "raw")

JPG, RAW, OTHER, BAD = 0, 1, 2, 3
"""How a sample is stored (member `mode`): FFCV's two, then PIL's business, then that of none."""

HEADER = np.dtype(
    [
        ("version", "<u2"),
        ("num_fields", "<u2"),
        ("page_size", "<u4"),
        ("num_samples", "<u8"),
        ("alloc_table_ptr", "<u8"),
    ]
)
FIELD = np.dtype([("type_id", "u1"), ("name", "u1", 16), ("arguments", "u1", 1024)])
HEAD_BYTES = HEADER.itemsize + 2 * FIELD.itemsize
_SEAL_BYTES = 4  # the last of the label field's arguments, which are never as long
PLACE = np.dtype([("sample_id", "<u8"), ("ptr", "<u8"), ("size", "<u8")])
"""A row of the table at the end of the file; samples without bytes have none."""
FFCV_VERSION = 2
FLOAT_FIELD, INT_FIELD, IMAGE_FIELD, OUR_FIELD = 0, 1, 2, 255

STORED = np.dtype([("mode", "u1"), ("width", "<u2"), ("height", "<u2"), ("data_ptr", "<u8")])
"""Metadata of FFCV's image field."""
STORED_SOURCE = np.dtype([("mode", "u1"), ("width", "<u4"), ("height", "<u4"), ("data_ptr", "<u8")])
"""Metadata of our source field: untouched files may be larger than FFCV's pictures."""

_TARGET_DTYPE = re.compile(r"[<|][biuf][1248]")

ADVICE = "make one with: fasttricks pack SRC DST.beton"


def image_type(mode: str) -> np.dtype[Any]:
    """Metadata of the image field in a file of `mode`."""
    return STORED_SOURCE if mode == "source" else STORED


def label_type(dtype: np.dtype[Any], shape: tuple[int, ...]) -> tuple[int, np.dtype[Any]]:
    """(FFCV's type id, metadata) of the field that keeps one sample's target without loss.

    Single integers and single floats are FFCV's own fields; the rest is ours, inline.
    """
    if shape == () and (dtype.kind in "ib" or (dtype.kind == "u" and dtype.itemsize < 8)):
        return INT_FIELD, np.dtype("<i8")
    if shape == () and dtype.kind == "f" and dtype.itemsize <= 8:
        return FLOAT_FIELD, np.dtype("<f8")
    return OUR_FIELD, np.dtype((dtype, shape))


def sample_type(image: np.dtype[Any], label: np.dtype[Any]) -> np.dtype[Any]:
    """A sample's metadata record, put together as FFCV does it: members f0 and f1."""
    return np.dtype([("", image), ("", label)], align=True)


def arguments(content: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """A field's arguments, uint8 [1024]: JSON, padded with zeros."""
    text = json.dumps(content).encode()
    result = np.zeros(FIELD["arguments"].shape, np.uint8)
    result[: len(text)] = np.frombuffer(text, np.uint8)
    return result


def parse_arguments(field: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """What `arguments` was given; {} if the field is not ours."""
    try:
        content = json.loads(field.tobytes().split(b"\0", 1)[0] or b"{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def checksum(*parts: bytes) -> int:
    """CRC-32 of the parts joined."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value


def sealed(head: bytes) -> bytes:
    """The head with the CRC-32 of all before them in its last four bytes (little-endian)."""
    body = head[:-_SEAL_BYTES]
    return body + checksum(body).to_bytes(_SEAL_BYTES, "little")


class Beton(Samples):
    """An opened `.beton`: the samples as they are stored. It holds no file open.

    Attributes:
        file: where it is.
        mode: "source", "jpg" or "raw".
        stored: STORED or STORED_SOURCE [N].
        sizes: bytes of each sample, int64 [N].
        crcs: CRC-32 of each sample's bytes when it was packed, uint32 [N].
        bad: why a sample cannot be decoded, by index.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open and check a file.

        Raises:
            DataError: it does not exist, is no `.beton` or not one of fasttricks, is of another
                version, is cut short or damaged.
        """
        self.file = Path(path).expanduser()
        parts = _read_checked(self.file)
        self.in_memory = False
        self._ends, self._block = parts.ends, parts.names
        self._key = parts.key
        self.sizes, self.crcs = parts.sizes, parts.crcs
        self.mode = parts.mode
        self.stored = parts.metadata["f0"]
        self.targets = np.ascontiguousarray(parts.metadata["f1"]).astype(parts.target_dtype)
        self.classes = parts.classes
        self.bad = parts.bad

    def __repr__(self) -> str:
        return f"Beton({str(self.file)!r}, {self.mode}, {len(self)} samples)"

    def path(self, index: int) -> None:
        """None: its pictures are not a file each."""

    @property
    def seek_index(self) -> Path:
        """Where its seek index belongs: in the cache folder, by the content, so that copies share
        one and a file packed again is not taken for the old one."""
        return cache_dir() / "index" / f"beton-{self._key}.seek"

    def stamp(self, index: int) -> Stamp:
        """How a sample's bytes are recognised: their checksum takes the place of a time."""
        return Stamp(int(self.sizes[index]), int(self.crcs[index]))

    def read_stamped(self, index: int) -> tuple[bytes, Stamp]:
        """As `read`, with `stamp`."""
        return self.read(index), self.stamp(index)

    def read(self, index: int) -> bytes:
        """One sample as an encoded picture: the stored bytes; raw pixels as a PPM.

        Raises:
            BadSampleError: the sample was found bad when it was packed, or cannot be read.
        """
        if index in self.bad:
            raise BadSampleError(index, self.name(index), self.bad[index])
        entry = self.stored[index]
        try:
            with open(self.file, "rb") as file:
                file.seek(int(entry["data_ptr"]))
                data = file.read(int(self.sizes[index]))
        except OSError as error:
            cause = f"cannot be read from {self.file}: {error.strerror}"
            raise BadSampleError(index, self.name(index), cause) from error
        if len(data) < self.sizes[index]:
            cause = f"{self.file} has lost its end since it was opened"
            raise BadSampleError(index, self.name(index), cause)
        if entry["mode"] != RAW:
            return data
        shape = int(entry["height"]), int(entry["width"]), 3
        return ppm(np.frombuffer(data, np.uint8).reshape(shape)).tobytes()


class _Parts(NamedTuple):
    """The checked parts of a file."""

    mode: str
    target_dtype: np.dtype[Any]
    metadata: npt.NDArray[Any]
    """Records of `sample_type` [N]."""
    ends: npt.NDArray[np.int64]
    names: bytes
    """Joined; `ends` says where each ends, as `Samples` keeps them."""
    sizes: npt.NDArray[np.int64]
    crcs: npt.NDArray[np.uint32]
    key: str
    """Made from length and checksum, so a file with other content has another."""
    classes: list[str]
    bad: dict[int, str]


class _Damage(Exception):
    """What does not fit."""


_CLASHES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What reading raises where the numbers and names in a file do not belong together."""


def _read_checked(path: Path) -> _Parts:
    if not path.is_file():
        what = "is not a .beton file" if path.exists() else "does not exist"
        raise DataError(f"{path} {what}; {ADVICE}")
    try:
        with open(path, "rb") as file:
            count, table, ours = _read_head(path, file)
            return _read_parts(file, count, table, ours)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except _Damage as damage:
        raise DataError(f"{path} is damaged: {damage}; pack it again") from damage
    except _CLASHES as error:
        # The checksums fit, so this was written wrongly, or changed and given new checksums.
        raise DataError(f"{path} is damaged: it contradicts itself; pack it again") from error


def _read_head(path: Path, file: BinaryIO) -> tuple[int, int, dict[str, Any]]:
    """(samples, where the table begins, arguments of the image field) of a file of ours."""
    head = file.read(HEAD_BYTES)
    header = np.frombuffer(head, HEADER, 1)[0] if len(head) >= HEADER.itemsize else None
    if header is None or header["version"] != FFCV_VERSION or header["num_fields"] == 0:
        raise DataError(f"{path} is not a .beton file (or has lost its beginning); {ADVICE}")
    whole = len(head) == HEAD_BYTES
    fields = np.frombuffer(head, FIELD, 2, HEADER.itemsize) if whole else np.empty(0, FIELD)
    ours = parse_arguments(fields["arguments"][0]) if whole else {}
    length = os.fstat(file.fileno()).st_size
    if "fasttricks" not in ours:
        table = length - int(header["alloc_table_ptr"])  # FFCV writes it last
        complete = whole and table >= 0 == table % PLACE.itemsize
        foreign = complete and fields["arguments"][0, 0] != ord("{")
        what = "is of another writer, not ours" if foreign else "is cut short or damaged"
        raise DataError(f"{path} {what}; {ADVICE}")
    if ours["fasttricks"] != FORMAT:
        raise DataError(
            f"{path} has format {ours['fasttricks']!r} and this fasttricks reads {FORMAT}; {ADVICE}"
        )
    if head != sealed(head):
        raise _Damage("the checksum of its beginning does not fit")
    if length != ours["length"]:
        what = "is cut short" if length < ours["length"] else "has grown"
        raise DataError(f"{path} {what}: {length} bytes where {ours['length']} were written")
    return int(header["num_samples"]), int(header["alloc_table_ptr"]), ours


def _read_parts(file: BinaryIO, count: int, table_at: int, ours: dict[str, Any]) -> _Parts:
    """Metadata, directory and table, held against the checksum that `pack` took."""
    shape_holds = all(isinstance(side, int) and side >= 0 for side in ours["shape"])
    if not (ours["mode"] in MODES and _TARGET_DTYPE.fullmatch(ours["dtype"]) and shape_holds):
        raise _Damage("it describes its samples wrongly")
    target_dtype = np.dtype(ours["dtype"])
    _, label = label_type(target_dtype, tuple(ours["shape"]))
    record = sample_type(image_type(ours["mode"]), label)
    directory_at, names_end = ours["directory"], ours["directory"] + ours["names"]
    metadata_end = HEAD_BYTES + count * record.itemsize
    fits = metadata_end <= directory_at <= names_end <= table_at <= ours["length"]
    if not fits or ours["names"] < 12 * count:
        raise _Damage("its parts do not fit into it")
    metadata = file.read(metadata_end - HEAD_BYTES)
    file.seek(directory_at)
    directory = file.read(table_at - directory_at)
    table = file.read()
    if checksum(metadata, directory, table) != ours["checksum"]:
        raise _Damage("its checksum does not fit")
    places, told = np.frombuffer(table, PLACE), json.loads(directory[ours["names"] :])
    sizes = np.zeros(count, np.int64)
    sizes[places["sample_id"]] = places["size"]
    return _Parts(
        mode=ours["mode"],
        target_dtype=target_dtype,
        metadata=np.frombuffer(metadata, record),
        ends=np.frombuffer(directory, "<i8", count),
        names=directory[12 * count : ours["names"]],
        sizes=sizes,
        crcs=np.frombuffer(directory, "<u4", count, 8 * count),
        key=f"{ours['length']:x}-{ours['checksum']:08x}",
        classes=list(told["classes"]),
        bad={int(index): str(cause) for index, cause in told["bad"].items()},
    )
