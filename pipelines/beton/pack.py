"""Packing a folder or `Samples` into a `.beton`, for the `ffcv` pipeline.

Threads probe and encode (all of it without the GIL), one thread writes. FFCV's own writer is not
used: it forks, and waits forever when a worker dies.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

from fasttricks.cpus import threads_for
from fasttricks.data.open import open_data
from fasttricks.data.pixels import decode_rgb, scaled
from fasttricks.data.probe import Kind, probe_and_decode
from fasttricks.data.read_ahead import read_ahead
from fasttricks.data.samples import Samples
from fasttricks.data.unfinished import unfinished
from fasttricks.errors import BadSampleError, DataError, FasttricksError, UnknownNameError
from fasttricks.pipelines.beton import file as layout
from fasttricks.pipelines.beton.writer import Piece, Writer

LISTED = 20
"""Bad files that a report names when printed."""
LARGEST_SIDE = 65535  # FFCV's image field keeps sides in 16 bits
_BLACK = bytes(3)
_AHEAD = 4  # samples in flight per thread

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackReport:
    """What `pack` wrote."""

    path: Path
    mode: str
    samples: int
    odd: int
    """Good pictures that only PIL decodes surely; in `jpg` and `raw` they became ordinary."""
    bad: tuple[BadSampleError, ...]
    """Kept as entries, so that every pipeline counts and rejects the same samples."""
    size_bytes: int
    seconds: float

    def __str__(self) -> str:
        lines = [
            f"{self.path}: {self.samples:,} samples, {self.size_bytes / 1e6:,.1f} MB, "
            f"mode {self.mode}, {self.seconds:.1f} s; {self.odd} odd, {len(self.bad)} bad"
        ]
        lines += [f"  bad: {error}" for error in self.bad[:LISTED]]
        if len(self.bad) > LISTED:
            lines.append(f"  and {len(self.bad) - LISTED} more")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """Turns samples into pieces; called from several threads."""

    samples: Samples
    mode: str
    max_size: int | None
    max_side: int | None
    quality: int

    def __call__(self, index: int) -> Piece:
        try:
            data = self.samples.read(index)
        except BadSampleError as error:
            return self._bad(b"", error.cause)
        facts, pixels = probe_and_decode(data)
        if facts.kind == Kind.BAD:
            return self._bad(data, facts.reason)
        odd = facts.kind == Kind.ODD
        if self.mode == "source":
            return Piece(data, layout.OTHER if odd else layout.JPG, facts.height, facts.width, odd)
        try:
            small = self._shrink(decode_rgb(data) if pixels is None else pixels)
        except DataError as error:
            return self._bad(data, str(error))
        height, width, _ = small.shape
        if max(height, width) > LARGEST_SIDE:
            raise DataError(
                f"{self.samples.name(index)} is {width} x {height}: FFCV keeps sides up to "
                f"{LARGEST_SIDE}; pack in mode source, or smaller"
            )
        if self.mode == "raw":
            return Piece(small.tobytes(), layout.RAW, height, width, odd)
        return Piece(_turbojpeg().encode(small, self.quality), layout.JPG, height, width, odd)

    def _bad(self, data: bytes, cause: str) -> Piece:
        if self.mode == "source":
            return Piece(data, layout.BAD, 0, 0, cause=cause)
        return Piece(_BLACK, layout.RAW, 1, 1, cause=cause)

    def _shrink(self, pixels: Pixels) -> Pixels:
        """Bound the sides, keeping the aspect; antialiased. Never enlarges."""
        height, width, _ = pixels.shape
        scale = 1.0
        if self.max_size is not None:
            scale = min(scale, self.max_size / min(height, width))
        if self.max_side is not None:
            scale = min(scale, self.max_side / max(height, width))
        return pixels if scale == 1.0 else scaled(pixels, scale)


def pack(
    src: str | os.PathLike[str] | Samples,
    dst: str | os.PathLike[str],
    *,
    mode: str = "source",
    max_size: int | None = None,
    max_side: int | None = None,
    quality: int = 90,
    workers: int | None = None,
    progress: bool = True,
) -> PackReport:
    """Write a `.beton` for the `ffcv` pipeline. `dst` appears complete or not at all.

    Args:
        src: a folder `root/class/picture` (or `root/train/class/picture`), or `Samples`.
        dst: the file to write; replaced if it exists.
        mode: "source" keeps the original bytes; "jpg" encodes again; "raw" stores uint8 pixels.
        max_size: bound of the shorter side in pixels, for jpg and raw.
        max_side: bound of the longer side in pixels, for jpg and raw (what FFCV calls
            `max_resolution`).
        quality: of the new JPEGs, 1 to 100; 4:2:0.
        workers: threads; default the CPUs this process may use.
        progress: show a bar if stderr is a terminal.

    Raises:
        UnknownNameError: no such mode.
        ValueError: a setting is out of range, or a bound was given with mode "source".
        DataError: `src` cannot be used or `dst` cannot be written.
        FasttricksError: mode "jpg" without libturbojpeg.
    """
    if mode not in layout.MODES:
        raise UnknownNameError("mode", mode, list(layout.MODES))
    if mode == "source" and (max_size is not None or max_side is not None):
        raise ValueError("mode source keeps the files as they are; a maximum size needs jpg or raw")
    if not all(bound is None or bound >= 1 for bound in (max_size, max_side)):
        raise ValueError("max_size and max_side must be at least 1")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must lie in [1, 100]; got {quality}")
    if mode == "jpg":
        _turbojpeg()
    threads = threads_for(workers)
    began, target = time.monotonic(), Path(dst).expanduser()
    samples = src if isinstance(src, Samples) else open_data(src)
    encode = Encoder(
        samples=samples, mode=mode, max_size=max_size, max_side=max_side, quality=quality
    )
    indices = range(len(samples))
    with (
        _replacing(target) as file,
        ThreadPoolExecutor(threads, "pack") as pool,
        closing(read_ahead(pool, encode, indices, _AHEAD * threads)) as pieces,
    ):
        writer = Writer(file, samples, mode)
        for index, piece in enumerate(_shown(pieces, len(samples), target.name, progress)):
            writer.add(index, piece)
        size = writer.finish({"quality": quality, "max_size": max_size, "max_side": max_side})
    return PackReport(
        path=target,
        mode=mode,
        samples=len(samples),
        odd=writer.odd,
        bad=tuple(BadSampleError(i, samples.name(i), c) for i, c in writer.bad.items()),
        size_bytes=size,
        seconds=time.monotonic() - began,
    )


def _turbojpeg() -> ModuleType:
    """The module, which only mode jpg needs."""
    try:
        from fasttricks.pipelines.decode import turbojpeg
    except ImportError as error:
        raise FasttricksError(str(error)) from error
    return turbojpeg


def _shown(items: Iterator[T], count: int, name: str, progress: bool) -> Iterator[T]:
    """The items, with a progress bar if a person is watching."""
    if not (progress and sys.stderr.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(
        items, f"packing {name}", total=count, console=Console(stderr=True), transient=True
    )


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `target` if the block ends well, and vanishes if not."""
    if target.is_dir() or not target.parent.is_dir():
        where = target if target.is_dir() else target.parent
        what = "is a folder" if target.is_dir() else "does not exist"
        raise DataError(f"cannot write {target}: {where} {what}")
    try:
        with unfinished(target, str(target)) as new:
            yield new.file
            new.publish()
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}") from error
