"""What a run tells: JSON lines, TensorBoard where it is installed, a bar on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from fasttricks.errors import DataError

FILE = "log.jsonl"
EVERY_SECONDS = 60.0
"""Between lines that stand for the bar where nobody looks at a terminal."""
REMEMBERED_SECONDS = 24 * 3600.0
"""What the bar's estimate of the time left is made from; rich's own 30 seconds can lie between two
looks at the loss, and then it knows none."""


class Writer(Protocol):
    """What we ask of TensorBoard."""

    def add_scalar(self, tag: str, value: float, step: int) -> None: ...
    def close(self) -> None: ...


class Log:
    """The log of a run; everything of it does nothing in all processes but the first.

    Each line of `log.jsonl` is an object with "kind" (start, step, evaluation, diverged, end),
    "time" (seconds since 1970), "step" (how many were done), and what that kind has to say. A
    resumed run goes on in the same file.

    Args:
        folder: of the run; made if it is not there.
        steps: of the whole training, for the bar.
        first: whether this process speaks.

    Raises:
        DataError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, steps: int, *, first: bool) -> None:
        self._folder, self._steps, self._first = folder, steps, first
        self._exit = contextlib.ExitStack()
        self._board: Writer | None = None
        self._bar: Any = None
        self._task: Any = None
        self._shown = time.monotonic()

    def __enter__(self) -> Self:
        if self._first:
            if self._folder.is_file():
                raise DataError(f"{self._folder} is a file; --out names a folder")
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = self._exit.enter_context(open(self._folder / FILE, "a", buffering=1))
            except OSError as error:
                raise DataError(f"cannot write to {self._folder}: {error.strerror}") from error
            self._claim()
            if _is_cut_off(self._folder / FILE):
                self._file.write("\n")  # or the next line would be lost with that one
            self._board = _tensorboard(self._folder)
            if self._board is not None:
                self._exit.callback(self._board.close)
            # Where stdout is a file or a pipe, what is said must come there: no bar beside it.
            if sys.stderr.isatty() and sys.stdout.isatty():
                self._bar = self._exit.enter_context(_progress())
                self._task = self._bar.add_task("", total=self._steps)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _claim(self) -> None:
        """Be the only process that trains into the folder, as long as the log is open."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._exit.close()
            raise DataError(
                f"another process trains into {self._folder}: wait for its end, or choose another "
                "folder (--out)"
            ) from error
        except OSError:  # a file system without locks
            pass

    def has(self, kind: str, step: int) -> bool:
        """Whether a line of this kind and step has been written, be it by an earlier part of the
        run."""
        if not self._first:
            return False
        return any((line["kind"], line["step"]) == (kind, step) for line in read_log(self._folder))

    def write(self, kind: str, *, step: int, **values: Any) -> None:
        """Keep a line; its numbers go to TensorBoard, too."""
        if not self._first:
            return
        line = {"kind": kind, "time": round(time.time(), 3), "step": step, **values}
        try:
            self._file.write(as_json(line) + "\n")
        except OSError as error:
            with contextlib.suppress(OSError):  # the same again
                self._file.close()
            raise DataError(
                f"cannot write to {self._folder / FILE}: {error.strerror}; make room, then go on "
                "with --resume auto"
            ) from error
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    def show(self, step: int, text: str) -> None:
        """Move the bar; where there is none, say the same every minute."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=text)
        elif self._first and time.monotonic() - self._shown >= EVERY_SECONDS:
            self._shown = time.monotonic()
            print(f"step {step:,}/{self._steps:,}  {text}", flush=True)

    def say(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        elif self._first:
            print(text, flush=True)


def read_log(folder: Path) -> Iterator[dict[str, Any]]:
    """Lines of a run's log, none where there is no log, without those that were cut off."""
    if not (folder / FILE).is_file():
        return
    with open(folder / FILE) as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                yield json.loads(line)


def as_json(values: Mapping[str, Any]) -> str:
    """An object in one line; null for numbers that JSON does not have, NaN and infinities."""
    return json.dumps(
        {name: None if _not_finite(value) else value for name, value in values.items()}
    )


def _not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _is_cut_off(path: Path) -> bool:
    """Whether the last line has no end, as a full disk or a killed process leaves it."""
    with open(path, "rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _progress() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Remaining(),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=REMEMBERED_SECONDS,
    )


def _tensorboard(folder: Path) -> Writer | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    board: Writer = SummaryWriter(str(folder / "tensorboard"))
    return board
