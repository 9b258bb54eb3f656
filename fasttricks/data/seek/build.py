"""Making the seek index of a data set: with all cores, once for all processes that want it.

Threads, not processes: the kernels do not hold the GIL, and what they find is written in order, so
the same pictures give the same file however many work at it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from errno import EISDIR, ENOENT, ENOTDIR
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fasttricks.cache import cache_dir
from fasttricks.cpus import available_cpus
from fasttricks.data.progress import progress_bar
from fasttricks.data.read_ahead import read_ahead
from fasttricks.data.samples import Samples
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import ADVICE, MAGIC
from fasttricks.data.seek.pictures import Previous, Work
from fasttricks.data.seek.source import Names, names_of
from fasttricks.data.seek.writer import SeekWriter
from fasttricks.data.unfinished import Unfinished, remove_abandoned, unfinished
from fasttricks.errors import DataError
from fasttricks.kernels.jpeg.seek import TILE_PIXELS

ENDING = ".seek"

_ELSEWHERE = "choose another place (--out FILE, or FASTTRICKS_CACHE) or do without (index=False)"

_SHARE = 32  # pictures that a thread takes at a time: about 30 ms of work


def build_index(
    samples: Samples,
    out: str | os.PathLike[str] | None = None,
    tile_pixels: int = TILE_PIXELS,
    workers: int | None = None,
    progress: bool = False,
    refresh: bool = False,
) -> Path:
    """Index the files of a data set; a file that is there is replaced when the new one is complete.

    A picture that cannot be indexed or read is remembered with the reason and is no error.

    Args:
        samples: paths. Pictures in memory have no index file; see `ensure_index`.
        out: the file to write; by default that of a pack is in the pack where it can be, others are
            in the user's cache folder.
        tile_pixels: there is a seek point for each tile of about this area, in pixels.
        workers: threads, by default one per CPU that this process may use.
        progress: show a bar on stderr.
        refresh: take over from the index that is there what has neither changed nor been damaged,
            also if pictures were added, removed or sorted again.

    Returns:
        The index file.

    Raises:
        DataError: it cannot be written, or `out` is something else.
        ValueError: workers < 1 or tile_pixels < 1.
    """
    if samples.in_memory:
        raise DataError("pictures in memory have no index file")
    names = names_of(samples)
    target = _checked(Path(out).expanduser() if out else index_path(samples, names))
    with _writing(target) as new:
        previous = _previous(target, names, tile_pixels) if refresh else None
        work = Work(samples, tile_pixels, previous)
        _index(work, SeekWriter(new.file, names, tile_pixels), workers, progress)
        new.publish()
    return target


def ensure_index(
    samples: Samples,
    out: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> SeekIndex:
    """Open the index of a data set, after making it if there is none.

    Of several processes that call this at the same time one makes it and the others wait. An index
    that cannot be used (damaged, other format, other pictures) is made again, and stderr told why;
    one that the system does not open, for want of rights or memory, is not.
    Whether files have changed is not looked at here but at each `lookup`.

    Args:
        samples: paths; or pictures in memory, whose index is made each time and kept in memory.
        out, progress: as for `build_index`. An index that is there is taken whatever its
            `tile_pixels`.

    Raises:
        DataError: there is none and it cannot be written, it cannot be opened, or `out` is
            something else.
    """
    names = names_of(samples)
    if samples.in_memory:
        if out is not None:
            raise DataError(f"pictures in memory have no index file: {out} would not be written")
        memory, work = io.BytesIO(), Work(samples, TILE_PIXELS)
        _index(work, SeekWriter(memory, names, TILE_PIXELS), None, progress)
        return SeekIndex.from_bytes(memory.getvalue())
    target = _checked(Path(out).expanduser() if out else index_path(samples, names))
    if isinstance(index := _usable(target, names), SeekIndex):
        return index
    with _writing(target) as new:
        index = _usable(target, names)
        if isinstance(index, SeekIndex):  # made by another process while this one waited to
            return index
        if index:
            print(f"fasttricks: {index}; making it again", file=sys.stderr)
        work = Work(samples, TILE_PIXELS, _previous(target, names, TILE_PIXELS))
        _index(work, SeekWriter(new.file, names, TILE_PIXELS), None, progress)
        new.publish()
    return SeekIndex.open(target, names)


# ---------------------------------------------------------------------------------- the index file


def index_path(samples: Samples, names: Names | None = None) -> Path:
    """Where the index of a data set is by default, or belongs.

    That of a pack is in the pack. In the user's cache folder are the others, and that of a pack
    which cannot be written to and has no index that can be used.
    """
    names, home = names or names_of(samples), samples.seek_index
    if home is not None:
        usable = os.access(home, os.R_OK) and isinstance(_usable(home, names), SeekIndex)
        if usable or os.access(home.parent, os.W_OK | os.X_OK) or not home.parent.exists():
            return home
    root = os.path.realpath(os.fsdecode(names.root))
    key = hashlib.sha256(os.fsencode(root) + b"\0" + names.digest).hexdigest()[:24]
    return cache_dir() / "index" / (key + ENDING)


def _checked(target: Path) -> Path:
    """Where to write an index. DataError if something else is there."""
    if target.is_dir():
        raise DataError(f"{target} is a folder; the seek index is a file")
    if target.is_file() and target.suffix != ENDING and target.stat().st_size:
        with open(target, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise DataError(f"{target} exists and is not a seek index: not overwritten")
    return target


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[Unfinished]:
    """The index file to be written and published, for one process at a time.

    Raises:
        DataError: it cannot be written.
    """
    try:
        with unfinished(target, f"the seek index {target}") as work:
            remove_abandoned(target.parent, ENDING)
            yield work
    except OSError as error:
        raise DataError(
            f"cannot write the seek index {target}: {error.strerror or error}; {_ELSEWHERE}"
        ) from error


def _usable(target: Path, names: Names) -> SeekIndex | str:
    """The index, or why it has to be made again; "" if there is none.

    Raises:
        DataError: there is one, but the system does not open it.
    """
    try:
        return SeekIndex.open(target, names)
    except DataError as error:
        _check_not_refused(error)
        return str(error).removesuffix(f"; {ADVICE}") if os.path.lexists(target) else ""


def _check_not_refused(error: DataError) -> None:
    """Raise what keeps a good index from being opened, a lack of rights or memory: making it again
    would take hours, and the next time it would be the same."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno not in (ENOENT, ENOTDIR, EISDIR):
        raise DataError(f"{error}; {_ELSEWHERE}") from cause


def _previous(target: Path, names: Names, tile_pixels: int) -> Previous | None:
    try:
        index = SeekIndex.open(target)
    except DataError as error:
        _check_not_refused(error)
        return None
    return Previous(index, names) if index.tile_pixels == tile_pixels else None


# ---------------------------------------------------------------------------------------- the work


def _index(work: Work, writer: SeekWriter, workers: int | None, progress: bool) -> None:
    """Do all of the work and write it in order."""
    with (
        progress_bar("indexing pictures", len(work.samples), progress) as advance,
        contextlib.closing(shares(work, workers)) as done,
    ):
        for records, points in done:
            writer.add(records, points)
            advance(len(records))
    writer.finish()


def shares(work: Work, workers: int | None) -> Generator[tuple[NDArray[Any], bytes]]:
    """Do all of the work in threads: records and points of some pictures at a time, in order.

    Raises:
        ValueError: workers < 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    workers, count = workers or available_cpus(), len(work.samples)
    share = max(1, min(_SHARE, count // (4 * workers)))

    def part(first: int) -> tuple[NDArray[Any], bytes]:
        return work(first, min(first + share, count))

    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from read_ahead(pool, part, range(0, count, share), 4 * workers)
        finally:
            work.stopped.set()
