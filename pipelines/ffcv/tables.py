"""What FFCV's compiled code has to know of each sample, and the files behind it mapped into memory.

Of the samples in a `.beton` all facts stand in there. Of the pictures in a pack's shards only
their places are known: each is looked at once, ahead of the first batch that has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from fasttricks.data.probe import Kind, probe
from fasttricks.data.samples import Samples
from fasttricks.data.slices import Slices
from fasttricks.errors import BadSampleError
from fasttricks.pipelines.beton.file import JPG, OTHER, RAW, Beton

Bytes = npt.NDArray[np.uint8]

UNSEEN = 255
"""A `mode` beside those of a `.beton`: the sample was not looked at yet."""

ENTRY = np.dtype(
    [
        ("mode", "u1"),
        ("height", "<u4"),
        ("width", "<u4"),
        ("size", "<i8"),
        ("address", "<i8"),
        ("number", "<i8"),
    ]
)
"""One sample: how it is stored, its sides in pixels, its bytes in this process's memory, and which
sample of the file or pack it is. Where `mode` is neither JPG nor RAW, sides, size
and address mean nothing."""

_PARTS = 4  # that a batch of unseen samples is divided into for each thread: their sizes differ


class Tables:
    """The samples of a `.beton` or of a pack, or taken from one, as compiled code finds them.

    Attributes:
        samples: whose they are.
        records: [N] with the one member `f0`, as FFCV names it.
        entries: ENTRY [N], the same memory.
    """

    def __init__(self, samples: Samples) -> None:
        self.samples, base = samples, samples.base
        assert isinstance(base, Beton | Slices)
        self.entries = np.zeros(len(base), ENTRY)
        self.entries["number"] = np.arange(len(base))
        if isinstance(base, Beton):
            for name in ("mode", "height", "width"):
                self.entries[name] = base.stored[name]
            file = np.zeros(len(base), np.int64)
            self._place([base.file], file, base.stored["data_ptr"], base.sizes)
        else:
            self.entries["mode"] = UNSEEN
            self._place(base.files, base.file, base.offset, base.size)
        if samples is not base:
            self.entries = self.entries[samples.numbers(np.arange(len(samples)))]
        self.records = self.entries.view([("f0", ENTRY)])

    def _place(self, files: Sequence[Path], file: Any, offset: Any, size: Any) -> None:
        """Map the files. What is not there is left to PIL's path, which says so in its turn."""
        self._maps, self._file, self._offset = [_mapped(path) for path in files], file, offset
        begins = np.array([bytes_.ctypes.data for bytes_ in self._maps], np.int64)
        lengths = np.array([len(bytes_) for bytes_ in self._maps], np.int64)
        self.entries["size"] = size
        self.entries["address"] = begins[file] + offset.astype(np.int64)
        ends = offset.astype(np.int64) + self.entries["size"]
        self.entries["mode"][ends > lengths[file]] = OTHER

    @property
    def has_jpegs(self) -> bool:
        """Whether there may be something to cut."""
        return bool((self.entries["mode"] != RAW).any())

    def learn(self, indices: npt.NDArray[np.int64], threads: Executor, workers: int) -> None:
        """Look at those samples among `indices` that were not looked at yet."""
        new = np.unique(indices[self.entries["mode"][indices] == UNSEEN])
        if len(new):
            list(threads.map(self._look_at, np.array_split(new, _PARTS * workers)))

    def _look_at(self, indices: npt.NDArray[np.int64]) -> None:
        for index in map(int, indices):
            try:
                # Read, not looked at in the map: this checks that the tar is the one indexed, and
                # waits for a slow disk without the GIL.
                facts = probe(self.samples.read(index))
            except BadSampleError:
                self.entries["mode"][index] = OTHER
                continue
            self.entries["height"][index] = facts.height
            self.entries["width"][index] = facts.width
            self.entries["mode"][index] = JPG if facts.kind == Kind.PLAIN else OTHER

    def stored(self, index: int) -> Bytes:
        """The bytes of a sample whose mode is JPG or RAW, uint8 [n], in the map."""
        number, size = int(self.entries["number"][index]), int(self.entries["size"][index])
        begin = int(self._offset[number])
        return self._maps[int(self._file[number])][begin : begin + size]


def _mapped(path: Path) -> Bytes:
    """A file's bytes, uint8 [n]; none if it cannot be read.

    By torch, which needs no open descriptor for it: a pack may have thousands of shards.
    """
    try:
        size = path.stat().st_size
        return torch.from_file(str(path), False, size, dtype=torch.uint8).numpy()
    except (OSError, RuntimeError):
        return np.empty(0, np.uint8)
