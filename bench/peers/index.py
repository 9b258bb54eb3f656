"""Indexing alone: every file is read and walked for its seek points, as `fasttricks index` does.

Nothing is written, and no batches are made: what is handed over are the records of some pictures.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fasttricks.data.open import open_data
from fasttricks.data.seek.build import shares
from fasttricks.data.seek.pictures import Work
from fasttricks.data.seek.source import names_of
from fasttricks.kernels.jpeg.seek import TILE_PIXELS

if TYPE_CHECKING:
    from fasttricks.bench.child import Facts, Settings


def batches(settings: Settings, facts: Facts) -> Iterator[NDArray[Any]]:
    """The records of pictures [n], pass after pass, all of them anew."""
    facts["does"] = "reads and indexes the files"
    facts["ahead"] = 4 * settings["threads"] + 1
    samples = open_data(settings["root"], train=settings["train"])
    names = names_of(samples)
    listed = int(names.ends[-1]) + names.ends.nbytes  # what the index holds besides, for one pass
    long = samples.repeat(settings["repeat"])
    pictures = read = written = 0
    for _ in itertools.count():
        work = Work(long, TILE_PIXELS)
        for records, points in shares(work, settings["threads"]):
            pictures += len(records)
            read += int(records["size"].sum())
            written += records.nbytes + len(points)
            facts["jpeg_mb_per_image"] = read / pictures / 1e6
            facts["index_share"] = (written + listed * pictures / len(samples)) / max(1, read)
            yield records
