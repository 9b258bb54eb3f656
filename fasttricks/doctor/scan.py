"""Looking at every picture of a data set, with all cores and constant memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from fasttricks.cpus import threads_for
from fasttricks.data.progress import progress_bar
from fasttricks.data.read_ahead import read_ahead
from fasttricks.data.samples import Samples
from fasttricks.doctor.findings import Look
from fasttricks.doctor.look import Inspector
from fasttricks.doctor.seek import FoundIndex, State, find_index
from fasttricks.doctor.source import Broken, broken_shards
from fasttricks.doctor.tally import Tally

_SHARE = 16  # pictures that a thread takes at a time
_AHEAD = 4  # shares in flight per thread: small, for what was found is a few bytes a picture


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What looking at a whole data set gave."""

    samples: Samples
    tally: Tally
    found: FoundIndex
    """Its seek index."""
    around: tuple[Broken, ...]
    """What is broken besides single pictures: shards, the seek index as a whole."""
    threads: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether nothing is broken."""
        return not self.tally.broken and not self.around


def scan(
    samples: Samples,
    *,
    index: Path | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> Scan:
    """Read, check and decode every picture.

    Args:
        samples: the data set.
        index: the file of its seek index, by default where loaders look for it. One that is given
            and cannot be used is a fault; one in its usual place is made again by loaders.
        workers: threads, by default one per CPU that this process may use. The decoders do not hold
            the GIL.
        progress: show a bar on stderr, if that is a terminal.

    Raises:
        ValueError: workers < 1.
        DataError: the given index is not there.
    """
    began, threads = time.monotonic(), threads_for(workers)
    found = find_index(samples, index)
    inspector, tally, stopped = Inspector(samples, found.index), Tally(len(samples)), Event()

    def share(first: int) -> list[Look]:
        """Look at pictures from `first` on, until one of the threads gives up."""
        last = min(first + _SHARE, len(samples))
        return [inspector(number) for number in range(first, last) if not stopped.is_set()]

    starts = range(0, len(samples), _SHARE)
    bar = progress_bar("looking at pictures", len(samples), progress)
    with bar as advance, ThreadPoolExecutor(threads, "doctor") as pool:
        try:
            with closing(read_ahead(pool, share, starts, _AHEAD * threads)) as shares:
                for looks in shares:
                    for look in looks:
                        tally.add(look)
                    advance(len(looks))
        finally:
            stopped.set()
    return Scan(
        samples=samples,
        tally=tally,
        found=found,
        around=tuple(_around(samples, found, index is not None)),
        threads=threads,
        seconds=time.monotonic() - began,
    )


def _around(samples: Samples, found: FoundIndex, was_given: bool) -> Iterator[Broken]:
    yield from broken_shards(samples)
    if found.state == State.DAMAGED or (was_given and found.index is None):
        yield Broken(str(found.path), found.cause)
