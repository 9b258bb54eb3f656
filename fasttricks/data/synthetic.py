"""Deterministic JPEG files that resemble ImageNet's, so that a benchmark needs no download.

What is taken from ImageNet are numbers only; `docs/synthetic.md` shows how close the result comes,
in sizes, in bytes and in the time it takes to decode.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageFile

from fasttricks.cache import cache_dir
from fasttricks.cpus import available_cpus
from fasttricks.data.imagenet_like import draw_spec
from fasttricks.data.progress import progress_bar
from fasttricks.data.scene import draw_scene
from fasttricks.errors import DataError

FORMAT = 1
"""Raised when the code begins to write other files, so that no old cache is taken for a new one."""

MANIFEST = "synthetic.json"
"""Lies in the root of a finished set and says how it was made."""

_MAXBLOCK_LOCK = threading.Lock()
_SCENE_STREAM = 3  # 1 and 2 belong to draw_spec
_STALE_S = 3600.0  # a build takes a minute: what is unfinished after an hour was killed


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
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    root = cache_dir() / "synthetic" / recipe.name if root is None else Path(root)
    if _is_complete(root, recipe):
        return root
    # A process costs about as much as twenty files.
    workers = workers or min(available_cpus(), 1 + count // 20)
    try:
        with _scratch_folder(root) as scratch:
            for index in range(min(classes, count)):
                (scratch / recipe.class_name(index)).mkdir()
            with progress_bar("making synthetic pictures", count, progress) as advance:
                one_more = partial(advance, 1)
                if workers == 1:
                    _write_share(scratch, recipe, 0, 1, one_more)
                else:
                    _write_in_processes(scratch, recipe, workers, one_more)
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


@contextlib.contextmanager
def _scratch_folder(root: Path) -> Iterator[Path]:
    """A new sibling of `root`, so that a rename can publish it; gone at the end, come what may."""
    root.parent.mkdir(parents=True, exist_ok=True)
    for left_over in root.parent.glob(f".{root.name}.*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left_over.stat().st_mtime > _STALE_S:
                shutil.rmtree(left_over, ignore_errors=True)
    scratch = root.parent / f".{root.name}.{secrets.token_hex(6)}.tmp"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _publish(scratch: Path, root: Path, recipe: _Recipe) -> None:
    try:
        scratch.rename(root)  # replaces nothing but an empty folder
    except OSError:
        if not _is_complete(root, recipe):  # else another process has written the same
            raise


# --------------------------------------------------------------------------------- the processes


def _write_share(
    folder: Path, recipe: _Recipe, first: int, step: int, advance: Callable[[], None]
) -> None:
    for index in range(first, recipe.count, step):
        (folder / recipe.path(index)).write_bytes(encode_synthetic(recipe.seed, index))
        advance()


def _worker(to_parent: Connection, folder: Path, recipe: _Recipe, first: int, step: int) -> None:
    """Write every `step`-th file; send None for each, or at last the text of an error."""
    try:
        _write_share(folder, recipe, first, step, lambda: to_parent.send(None))
    except BrokenPipeError:
        pass  # the parent is gone, nobody wants the files
    except Exception as error:
        to_parent.send(f"{type(error).__name__}: {error}")


def _write_in_processes(
    folder: Path, recipe: _Recipe, workers: int, advance: Callable[[], None]
) -> None:
    # Not a Pool: if its worker is killed it waits forever, and if its parent is, its workers may.
    context = multiprocessing.get_context("spawn")
    resource_tracker.ensure_running()  # its start, else in the midst of ours, unblocks SIGINT
    running: dict[Connection, BaseProcess] = {}
    try:
        for first in range(workers):
            receiver, sender = context.Pipe(duplex=False)
            job = (sender, folder, recipe, first, workers)
            process: BaseProcess = context.Process(target=_worker, args=job, daemon=True)
            with _sigint_blocked():  # inherited for good: Ctrl-C is for the parent to handle
                process.start()
            sender.close()  # the worker has the only other copy: its death ends the stream
            running[receiver] = process
        open_ends = set(running)
        while open_ends:
            for ready in wait(open_ends):
                receiver = cast(Connection, ready)
                try:
                    problem = receiver.recv()
                except EOFError:  # this worker has ended: has it done its share?
                    open_ends.remove(receiver)
                    running[receiver].join()
                    if code := running[receiver].exitcode:
                        raise DataError(
                            f"a worker that writes synthetic pictures died, exit code {code}"
                        ) from None
                    continue
                if problem is not None:
                    raise DataError(f"a worker that writes synthetic pictures failed: {problem}")
                advance()
    finally:
        for process in running.values():
            process.terminate()
        for receiver, process in running.items():
            process.join()
            receiver.close()


@contextlib.contextmanager
def _sigint_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
