"""The `.beton` files that FFCV's rows read: made once, kept in the cache folder."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from fasttricks.bench.files import PictureFiles
from fasttricks.bench.process import Group, Guard
from fasttricks.cache import cache_dir
from fasttricks.cpus import available_cpus
from fasttricks.errors import DataError

MAX_SIDE, QUALITY = 500, 90
"""FFCV's own recipe for ImageNet; our re-encoded rows use it too, so that they compare."""

PACKS = {
    "source": "the files' own bytes",
    "jpg": f"re-encoded: longer side at most {MAX_SIDE} px, JPEG quality {QUALITY}",
    "raw": f"re-encoded: longer side at most {MAX_SIDE} px, uncompressed",
    "half": f"by FFCV's writer: longer side at most {MAX_SIDE} px, half of them JPEG of quality "
    f"{QUALITY}, half uncompressed",
}
"""What is in each kind of pack."""

PATIENCE_S = 24 * 3600.0


def make_pack(kind: str, files: PictureFiles, say: Callable[[str], None]) -> Path:
    """The pack of these files, from the cache or newly made; `say` is told what is done.

    One in the cache that is damaged or of an older format is made again. FFCV's own has no checksum
    and is taken as it is.

    Raises:
        DataError: it could not be made.
    """
    path = cache_dir() / "beton" / f"{files.key}-{kind}.beton"
    if path.exists() and (kind == "half" or _is_sound(path, say)):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    say(f"packing {files.count:,} pictures for FFCV ({PACKS[kind]}), once")
    began = time.monotonic()
    if kind == "half":
        _write_stock(files, path)
    else:
        from fasttricks.data.open import open_data
        from fasttricks.pipelines.beton.pack import pack

        bound = None if kind == "source" else MAX_SIDE
        samples = open_data(files.root)
        pack(samples, path, mode=kind, max_side=bound, quality=QUALITY, progress=True)
    took = time.monotonic() - began
    say(f"packed in {took:.1f} s: {path} ({path.stat().st_size / 1e6:,.0f} MB)")
    return path


def _is_sound(path: Path, say: Callable[[str], None]) -> bool:
    from fasttricks.pipelines.beton.file import Beton

    try:
        Beton(path)
    except DataError as error:
        say(f"made again: {error}")
        return False
    return True


def _write_stock(files: PictureFiles, path: Path) -> None:
    """Run FFCV's writer in processes of its own and move its file into place."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".stock-") as folder, Guard() as guard:
        part = Path(folder, "part.beton")
        module = "fasttricks.bench.peers.ffcv_writer"
        command = [sys.executable, "-m", module, str(files.root), str(part), str(available_cpus())]
        writer = Group(command, environment, guard)
        try:
            said = ""
            while (line := writer.receive(PATIENCE_S)) is not None:
                said = line
            if (ended := writer.how_it_ended()) != "it ended with exit code 0":
                why = said or " ".join(writer.last_words(1))
                raise DataError(f"FFCV's writer failed ({ended}): {why}")
        finally:
            writer.close()
        part.replace(path)
