"""Laying out a `.beton`; see `fasttricks.pipelines.beton.file` for the layout."""

from __future__ import annotations

import json
import os
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.pipelines.beton import file as layout

SMALLEST_PAGE = 1 << 23
LARGEST_PAGE = 1 << 31  # FFCV keeps the size of a page in 32 bits


class Piece(NamedTuple):
    """One sample, ready to be written."""

    data: bytes
    mode: int
    height: int
    width: int
    odd: bool = False
    cause: str = ""
    """Why it is bad; "" if it is good."""


class Writer:
    """Lays pieces out in a file, in order.

    No sample crosses a page, and a page must hold the largest sample, known only at the end. So the
    page starts small and grows by doubling: small pages lie within larger ones, and what has been
    written stays right.
    """

    def __init__(self, file: BinaryIO, samples: Samples, mode: str) -> None:
        self.file, self.samples, self.mode = file, samples, mode
        self.odd = 0
        self.bad: dict[int, str] = {}
        targets = samples.targets
        self._targets = targets.astype(targets.dtype.newbyteorder("<"), copy=False)
        self._label_id, label = layout.label_type(self._targets.dtype, targets.shape[1:])
        self._metadata = np.zeros(len(samples), layout.sample_type(layout.image_type(mode), label))
        self._metadata["f1"] = self._targets
        self._table = np.zeros(len(samples), layout.PLACE)
        self._rows = 0
        self._crcs = np.zeros(len(samples), "<u4")
        self._page = SMALLEST_PAGE
        self._at = layout.HEAD_BYTES + self._metadata.nbytes

    def add(self, index: int, piece: Piece) -> None:
        """Write one sample's bytes and note where they are."""
        self.odd += piece.odd
        if piece.cause:
            self.bad[index] = piece.cause
        self._crcs[index] = layout.checksum(piece.data)
        size = len(piece.data)
        pointer = self._place(size, index) if size else 0
        self._metadata["f0"][index] = (piece.mode, piece.width, piece.height, pointer)
        if not size:
            return
        self.file.seek(pointer)
        self.file.write(piece.data)
        self._table[self._rows] = (index, pointer, size)
        self._rows += 1

    def _place(self, size: int, index: int) -> int:
        """Where the next `size` bytes go."""
        while self._page < size:
            self._page *= 2
        if self._page > LARGEST_PAGE:
            raise DataError(f"{self.samples.name(index)} has {size} bytes: too many for a .beton")
        pointer = self._at
        if pointer // self._page != (pointer + size - 1) // self._page:
            pointer = -(-pointer // self._page) * self._page
        self._at = pointer + size
        return pointer

    def finish(self, settings: dict[str, Any]) -> int:
        """Write everything that is not picture; the size of the whole file in bytes."""
        names = [os.fsencode(self.samples.name(i)) for i in range(len(self.samples))]
        ends = np.cumsum([len(name) for name in names], dtype="<i8")
        names_part = ends.tobytes() + self._crcs.tobytes() + b"".join(names)
        content = {**settings, "classes": self.samples.classes, "bad": self.bad}
        directory = names_part + json.dumps(content).encode()
        metadata, table = self._metadata.tobytes(), self._table[: self._rows].tobytes()
        length = self._at + len(directory) + len(table)
        ours = {
            "fasttricks": layout.FORMAT,
            "mode": self.mode,
            "dtype": self._targets.dtype.str,
            "shape": self._targets.shape[1:],
            "directory": self._at,
            "names": len(names_part),
            "length": length,
            "checksum": layout.checksum(metadata, directory, table),
        }
        self.file.seek(self._at)
        self.file.write(directory + table)
        self.file.seek(0)
        self.file.write(self._header(self._at + len(directory), ours) + metadata)
        return length

    def _header(self, table: int, ours: dict[str, Any]) -> bytes:
        header = np.zeros(1, layout.HEADER)
        header[0] = (layout.FFCV_VERSION, 2, self._page, len(self.samples), table)
        fields = np.zeros(2, layout.FIELD)
        image_id = layout.OUR_FIELD if self.mode == "source" else layout.IMAGE_FIELD
        label = {"dtype": ours["dtype"], "shape": ours["shape"]}
        described = (("image", image_id, ours), ("label", self._label_id, label))
        for field, (name, type_id, content) in zip(fields, described, strict=True):
            field["type_id"] = type_id
            field["name"][: len(name)] = np.frombuffer(name.encode(), np.uint8)
            field["arguments"] = layout.arguments(content)
        return layout.sealed(header.tobytes() + fields.tobytes())
