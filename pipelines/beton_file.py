"""The `.beton` container: its layout, and opening one with checks (`beton.pack` writes it).

The layout is FFCV's, version 2, and FFCV's own reader takes it: header, two field descriptors
("image", "label"), one metadata record a sample, pages of encoded pictures, a table of them. What
FFCV has no place for (names, classes, why a file is bad) stands in a *directory* between pictures
and table; the 1024 bytes of arguments of the image field say where, as JSON.

`jpg` and `raw` files use FFCV's own image field, so stock FFCV reads them too; a bad file is one
black pixel there. `source` files use a field of ours with the same four members.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from fasttricks.data.pixels import ppm
from fasttricks.data.samples import Samples, Stamp
from fasttricks.errors import BadSampleError, DataError

FORMAT = 1
"""Version of what is ours in the file: arguments, directory and source field."""
MODES = ("source", "jpg", "raw")

JPG, RAW, OTHER, BAD = 0, 1, 2, 3
"""How a sample is stored (member `mode`): FFCV's two, then PIL's business, then nobody's."""

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
PLACE = np.dtype([("sample_id", "<u8"), ("ptr", "<u8"), ("size", "<u8")])
"""A row of the table at the end of the file; samples without bytes have none."""
FFCV_VERSION = 2
FLOAT_FIELD, INT_FIELD, IMAGE_FIELD, OUR_FIELD = 0, 1, 2, 255

STORED = np.dtype([("mode", "u1"), ("width", "<u2"), ("height", "<u2"), ("data_ptr", "<u8")])
"""Metadata of FFCV's image field."""
STORED_SOURCE = np.dtype([("mode", "u1"), ("width", "<u4"), ("height", "<u4"), ("data_ptr", "<u8")])
"""Metadata of our source field: untouched files may be larger than FFCV's pictures."""

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
        content = json.loads(field.tobytes().rstrip(b"\0") or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def checksum(*parts: bytes) -> int:
    """CRC-32 of the parts joined."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return value


class Beton(Samples):
    """An opened `.beton`: the samples as they are stored. It holds no file open.

    Attributes:
        file: where it is.
        mode: "source", "jpg" or "raw".
        stored: STORED or STORED_SOURCE [N].
        sizes: bytes of each sample, int64 [N].
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
        count = len(parts.metadata)
        self.in_memory = False
        self._ends = np.frombuffer(parts.names, "<i8", count)
        self._block = parts.names[8 * count :]
        self.sizes = np.zeros(count, np.int64)
        self.sizes[parts.table["sample_id"]] = parts.table["size"]
        self.mode = parts.mode
        self.stored = parts.metadata["f0"]
        self.targets = np.ascontiguousarray(parts.metadata["f1"]).astype(parts.target_dtype)
        self.classes = list(parts.directory["classes"])
        self.bad = {int(index): str(cause) for index, cause in parts.directory["bad"].items()}

    def __repr__(self) -> str:
        return f"Beton({str(self.file)!r}, {self.mode}, {len(self)} samples)"

    def read_stamped(self, index: int) -> tuple[bytes, Stamp]:
        """As `read`; packs have no seek index, so the stamp tells nothing."""
        return self.read(index), Stamp(0, 0)

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
    names: bytes
    """int64 [N] ends, then the names joined, as `Samples` keeps them."""
    directory: dict[str, Any]
    table: npt.NDArray[Any]
    """PLACE, one row per sample that has bytes."""


def _read_checked(path: Path) -> _Parts:
    if not path.exists():
        raise DataError(f"{path} does not exist; {ADVICE}")
    if not path.is_file():
        raise DataError(f"{path} is not a .beton file; {ADVICE}")
    length = path.stat().st_size
    with open(path, "rb") as file:
        header = _records(file, HEADER, 1)
        if len(header) == 0 or header[0]["version"] != FFCV_VERSION or header[0]["num_fields"] == 0:
            raise DataError(f"{path} is not a .beton file (or has lost its beginning); {ADVICE}")
        fields = _records(file, FIELD, 2)
        ours = parse_arguments(fields[0]["arguments"]) if len(fields) else {}
        if "fasttricks" not in ours:
            raise DataError(f"{path} was not written by fasttricks, or is cut short; {ADVICE}")
        if ours["fasttricks"] != FORMAT:
            raise DataError(
                f"{path} has format {ours['fasttricks']} and this fasttricks reads {FORMAT}; "
                "pack it again: fasttricks pack SRC DST.beton"
            )
        if length != ours["length"]:
            what = "is cut short" if length < ours["length"] else "has grown"
            raise DataError(f"{path} {what}: {length} bytes where {ours['length']} were written")
        return _read_parts(path, file, header[0], ours)


def _records(file: BinaryIO, dtype: np.dtype[Any], count: int) -> npt.NDArray[Any]:
    """The next `count` records; none where the file ends before."""
    data = file.read(dtype.itemsize * count)
    return np.frombuffer(data, dtype) if len(data) == dtype.itemsize * count else np.empty(0, dtype)


def _read_parts(path: Path, file: BinaryIO, header: Any, ours: dict[str, Any]) -> _Parts:
    """Metadata, directory and table, held against the checksum that `pack` took."""
    target_dtype = np.dtype(ours["dtype"])
    record = sample_type(
        image_type(ours["mode"]), label_type(target_dtype, tuple(ours["shape"]))[1]
    )
    metadata = file.read(int(header["num_samples"]) * record.itemsize)
    file.seek(ours["directory"])
    directory = file.read(int(header["alloc_table_ptr"]) - ours["directory"])
    table = file.read()
    if checksum(metadata, directory, table) != ours["checksum"]:
        raise DataError(f"{path} is damaged: its checksum does not fit; pack it again")
    return _Parts(
        mode=ours["mode"],
        target_dtype=target_dtype,
        metadata=np.frombuffer(metadata, record),
        names=directory[: ours["names"]],
        directory=json.loads(directory[ours["names"] :]),
        table=np.frombuffer(table, PLACE),
    )
