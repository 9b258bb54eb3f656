"""Deterministic JPEG files that resemble ImageNet's, so that a benchmark needs no download.

What is taken from ImageNet are numbers only; `docs/synthetic.md` shows how close the result comes,
in sizes, in bytes and in the time it takes to decode.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from fasttricks.cache import cache_dir
from fasttricks.cpus import threads_for
from fasttricks.data.imagenet_like import draw_spec
from fasttricks.data.progress import progress_bar
from fasttricks.data.scene import draw_scene
from fasttricks.data.scratch import scratch_folder
from fasttricks.errors import DataError

FORMAT = 1
"""Raised when the code begins to write other files, so that no old cache is taken for a new one."""

MANIFEST = "synthetic.json"
"""Lies in the root of a finished set and says how it was made."""

_MAXBLOCK_LOCK = threading.Lock()
_SCENE_STREAM = 3  # 1 and 2 belong to draw_spec
_PART = 8  # files that a worker writes at a time


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """All that decides the bytes of a set."""

    format: int
    count: int
    classes: int
    seed: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.classes < 1 or self.seed < 0:
            raise ValueError(f"need count >= 1, classes >= 1, seed >= 0, not {self}")

    @property
    def name(self) -> str:
        return f"v{self.format}-n{self.count}-c{self.classes}-s{self.seed}"

    def path(self, index: int) -> str:
        return f"{self.class_name(index)}/img_{index:06d}.jpg"

    def class_name(self, index: int) -> str:
        return f"class_{index % self.classes:03d}"


def encode_synthetic(seed: int, index: int) -> bytes:
    """File `index` of the set with that `seed`, as JPEG bytes; a pure function.

    The pixels come from NumPy alone; PIL only encodes them (optimised Huffman tables, as in most of
    ImageNet), so another libjpeg may write other bytes.
    """
    spec = draw_spec(seed, index)
    rng = np.random.default_rng((_SCENE_STREAM, seed, index))
    grey = spec.layout == "grey"
    pixels = draw_scene(rng, spec.height, spec.width, 1 if grey else 3, spec.busyness)
    # As YCbCr, which is what a JPEG holds: converting to RGB and back would only cost time.
    size, mode = (spec.width, spec.height), "L" if grey else "YCbCr"
    picture = Image.frombytes(mode, size, pixels.tobytes())
    file = io.BytesIO()
    subsampling = {} if grey else {"subsampling": spec.layout}
    with _room_to_encode(4 * spec.width * spec.height):
        picture.save(file, "JPEG", quality=spec.quality, optimize=True, **subsampling)
    return file.getvalue()


@contextlib.contextmanager
def _room_to_encode(size: int) -> Iterator[None]:
    """Let PIL's encoder buffer hold `size` bytes; left to itself it fails on busy pictures."""
    with _MAXBLOCK_LOCK:
        before = ImageFile.MAXBLOCK
        ImageFile.MAXBLOCK = max(before, size)
        try:
            yield
        finally:
            ImageFile.MAXBLOCK = before


def make_synthetic(
    root: Path | None = None,
    count: int = 2000,
    classes: int = 10,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> Path:
    """Make a folder of synthetic pictures, `root/class_000/img_000000.jpg` ..., or find it made.

    The folder appears under its name only when it is complete; two processes that make the same one
    at the same time each write their own, and one of them wins.

    Args:
        root: the folder; by default one in the user's cache folder, named after the arguments.
        count: number of files, dealt to the classes in turn.
        classes: number of class folders; no more than `count` are made.
        seed: each file is a pure function of (seed, its number), whatever `count` and `workers`.
        workers: processes, by default one per usable CPU. They are spawned, so a script that calls
            this needs its `if __name__ == "__main__"`; with 1 no process is started.
        progress: show a bar on the terminal's stderr.

    Returns:
        The folder.

    Raises:
        DataError: `root` holds something else, or cannot be written, or a worker died.
        ValueError: count < 1, classes < 1, workers < 1 or seed < 0.
    """
    recipe = _Recipe(format=FORMAT, count=count, classes=classes, seed=seed)
    threads = threads_for(workers)
    root = cache_dir() / "synthetic" / recipe.name if root is None else Path(root)
    if _is_complete(root, recipe):
        return root
    # A process costs about as much as twenty files.
    workers = workers or min(threads, 1 + count // 20)
    try:
        with scratch_folder(root) as scratch:
            for index in range(min(classes, count)):
                (scratch / recipe.class_name(index)).mkdir()
            with progress_bar("making synthetic pictures", count, progress) as advance:
                if workers == 1:
                    for first, last in _parts(count):
                        advance(_write_files(scratch, recipe, first, last))
                else:
                    _write_in_processes(scratch, recipe, workers, advance)
            (scratch / MANIFEST).write_text(json.dumps(asdict(recipe)) + "\n")
            _publish(scratch, root, recipe)
    except OSError as error:
        raise DataError(f"cannot write synthetic pictures to {root}: {error}") from error
    return root


# ------------------------------------------------------------------------------------ the folder


def _is_complete(root: Path, recipe: _Recipe) -> bool:
    """Whether `root` holds this very set; False if there is nothing; DataError if anything else."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    try:
        made_by = json.loads((root / MANIFEST).read_text())
    except (OSError, ValueError):
        raise DataError(f"{root} exists and is not a set of synthetic pictures") from None
    if made_by != asdict(recipe):
        raise DataError(f"{root} holds other synthetic pictures: {made_by}, not {asdict(recipe)}")
    found = sum(1 for _ in root.glob("class_*/img_*.jpg"))
    if found != recipe.count:
        raise DataError(f"{root} holds {found} of its {recipe.count} files; delete it, then retry")
    return True


def _publish(scratch: Path, root: Path, recipe: _Recipe) -> None:
    try:
        scratch.rename(root)  # replaces nothing but an empty folder
    except OSError:
        if not _is_complete(root, recipe):  # else another process has written the same
            raise


# --------------------------------------------------------------------------------- the processes


def _write_files(folder: Path, recipe: _Recipe, first: int, last: int) -> int:
    """Write these files; how many."""
    for index in range(first, last):
        (folder / recipe.path(index)).write_bytes(encode_synthetic(recipe.seed, index))
    return last - first


def _write_in_processes(
    folder: Path, recipe: _Recipe, workers: int, advance: Callable[[int], None]
) -> None:
    """Write all files, some at a time in each process; a worker that is killed is an error."""
    context = multiprocessing.get_context("spawn")
    resource_tracker.ensure_running()  # its start, else in the midst of ours, unblocks SIGINT
    with ProcessPoolExecutor(workers, context, _end_with_parent) as pool:
        try:
            with _sigint_blocked():  # inherited for good: Ctrl-C is for the parent to handle
                jobs = [
                    pool.submit(_write_files, folder, recipe, first, last)
                    for first, last in _parts(recipe.count)
                ]
            for job in as_completed(jobs):
                advance(job.result())
        except BrokenProcessPool as error:
            raise DataError("a worker that writes synthetic pictures died") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _parts(count: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, _PART):
        yield first, min(first + _PART, count)


def _end_with_parent() -> None:
    """In a worker: a parent that was killed gives it no more work, and tells it nothing."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "called in workers"
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _sigint_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
