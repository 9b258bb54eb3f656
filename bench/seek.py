"""The seek index that rows cut by, as it should be before any of them starts.

A loader takes an index that is there and decodes those files whole that have changed since; it says
so in one line on stderr, which nobody sees of a row. A bench of cutting has to cut.
"""

from __future__ import annotations

from collections.abc import Callable

from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index, index_path
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import UNREADABLE
from fasttricks.errors import DataError


def freshen(samples: Samples, say: Callable[[str], None]) -> None:
    """Make the seek index of a data set, or bring it up to date; `say` is told if that is needed.

    Looks at the size and time of every file.

    Raises:
        DataError: it cannot be written.
    """
    try:
        index = SeekIndex.open(index_path(samples), samples)
    except DataError:  # there is none, or none for these files
        say(f"indexing {len(samples):,} pictures, once")
        build_index(samples, progress=True, refresh=True)
        return
    if changed := count_changed(samples, index):
        say(f"{changed:,} of {len(samples):,} pictures have changed: indexing these again")
        build_index(samples, tile_pixels=index.tile_pixels, progress=True, refresh=True)


def count_changed(samples: Samples, index: SeekIndex) -> int:
    """Pictures that are not what they were when they were indexed."""
    kinds, sizes, times = (index.records[field].tolist() for field in ("kind", "size", "mtime_ns"))
    return sum(
        kind != UNREADABLE and samples.stamp(number) != (size, time)
        for number, (kind, size, time) in enumerate(zip(kinds, sizes, times, strict=True))
    )
