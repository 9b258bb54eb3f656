"""Making a pack: threads read and code pictures, one writes them, and all appears at one stroke."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fasttricks.cpus import threads_for
from fasttricks.data.progress import progress_bar
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import DataError
from fasttricks.pack.journal import Journal
from fasttricks.pack.manifest import Summary
from fasttricks.pack.part import Workers, pack_part
from fasttricks.pack.report import PackReport
from fasttricks.pack.settings import PackSettings
from fasttricks.pack.source import Part, open_source
from fasttricks.pack.staging import Staging, staging


def pack(
    src: str | os.PathLike[str] | Samples,
    dst: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool = True,
    **settings: Any,
) -> PackReport:
    """Copy a data set into WebDataset tar shards with an index, and a seek index.

    `dst` appears complete or not at all. A run that ends early leaves what it has finished in a
    folder beside it, and the same call goes on there. The same source and settings give the same
    bytes, however many threads there are.

    Args:
        src: what to pack; see `fasttricks.pack.source.open_source`. A divided source becomes
            `dst/train` and `dst/val`.
        dst: the folder to make. A pack that is there is replaced at the end, anything else never.
        labels: ground truth of ILSVRC2012's validation pictures; see `fasttricks.pack.labels`.
        workers: threads; default the CPUs that this process may use.
        progress: show a bar if stderr is a terminal.
        **settings: those of `PackSettings`.

    Raises:
        DataError: `src` cannot be used or `dst` cannot be written.
        ValueError: a setting is out of range, or labels were given where none belong.
        FasttricksError: pictures are to be encoded again, and libturbojpeg is missing.
    """
    began, chosen = time.monotonic(), PackSettings(**settings)
    threads = threads_for(workers)
    target = Path(dst).expanduser().resolve()
    if not isinstance(src, Samples):
        _check_apart(Path(src).expanduser().resolve(), target)
    parts = open_source(src, labels)
    with ThreadPoolExecutor(threads, "pack") as pool:
        digests = {part.split: part.digest(pool) for part in parts}
        identity = {**chosen.stated(), "source": digests}
        with staging(target, identity) as place:
            count = sum(len(part.samples) for part in parts)
            with progress_bar(f"packing {target.name}", count, progress) as bar:
                team = Workers(pool=pool, threads=threads, advance=bar)
                done = {part.split: _packed(part, place, chosen, team) for part in parts}
            if chosen.index:
                for split in done:
                    _make_seek_index(place.pack / split, threads, progress)
            place.publish()
    return PackReport(
        path=target,
        parts={split: summary for split, (summary, _) in done.items()},
        shards_before=sum(before for _, before in done.values()),
        seconds=time.monotonic() - began,
    )


def _packed(
    part: Part, place: Staging, chosen: PackSettings, workers: Workers
) -> tuple[Summary, int]:
    folder = place.pack / part.split
    return pack_part(part, folder, Journal(place.journal / part.split, folder), chosen, workers)


def _make_seek_index(folder: Path, threads: int, progress: bool) -> None:
    try:
        build_index(TarPack(folder), workers=threads, progress=progress)
    except DataError as error:
        raise error.__cause__ if isinstance(error.__cause__, OSError) else error from None


def _check_apart(source: Path, target: Path) -> None:
    """Packing must neither read what it writes nor replace what it reads."""
    if source == target or source in target.parents or target in source.parents:
        raise DataError(f"{source} and {target} must not lie in one another: choose another place")
