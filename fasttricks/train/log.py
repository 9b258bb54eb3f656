"""What a run tells: JSON lines, TensorBoard where it is installed, a bar where somebody looks."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from fasttricks.errors import DataError

FILE = "log.jsonl"


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

    def __enter__(self) -> Self:
        if self._first:
            if self._folder.is_file():
                raise DataError(f"{self._folder} is a file; --out names a folder")
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._file = self._exit.enter_context(open(self._folder / FILE, "a", buffering=1))
            except OSError as error:
                raise DataError(f"cannot write to {self._folder}: {error.strerror}") from error
            self._board = _tensorboard(self._folder)
            if self._board is not None:
                self._exit.callback(self._board.close)
            if sys.stderr.isatty():
                self._bar = self._exit.enter_context(_progress())
                self._task = self._bar.add_task("", total=self._steps)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exit.close()

    def write(self, kind: str, *, step: int, **values: Any) -> None:
        """Keep a line; its numbers go to TensorBoard, too."""
        if not self._first:
            return
        line = {"kind": kind, "time": round(time.time(), 3), "step": step, **values}
        # JSON has no NaN and no infinity.
        line = {name: None if _not_finite(value) else value for name, value in line.items()}
        self._file.write(json.dumps(line) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    def show(self, step: int, text: str) -> None:
        """Move the bar, where there is one."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step, description=text)

    def say(self, text: str) -> None:
        """Print a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        elif self._first:
            print(text, flush=True)


def _not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


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
    )


def _tensorboard(folder: Path) -> Writer | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    board: Writer = SummaryWriter(str(folder / "tensorboard"))
    return board
