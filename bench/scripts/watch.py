"""One run of one trainer: a process of its own, and a clock held against what it writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fasttricks.bench.process import Group, Guard
from fasttricks.bench.scripts.window import Window
from fasttricks.errors import FasttricksError

POLL_S = 0.01
"""How often the log is looked at: the same for all, and far below a run's seconds."""
SILENCE_S = 900.0
"""How long a trainer may say nothing; compiling takes minutes."""
OUTPUT = "output.txt"
"""What the trainer prints, in the run's own folder."""


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Somebody's trainer, ready to be started again and again."""

    row: str
    """What the table calls it."""
    command: Callable[[Path], list[str]]
    """The command line; its argument is the folder of this run."""
    steps: Callable[[str], int | None]
    """How many steps are done, from a line of its log."""
    log: str = OUTPUT
    """The file in that folder that it logs to."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was seen of one run."""

    steps: int
    """That were timed."""
    seconds: float
    """That these took."""
    cpu_s: float
    """CPU seconds of the process and its workers in that time."""
    whole_s: float
    """From starting the process to its end."""


@dataclass(frozen=True)
class Mark:
    """A moment of a run."""

    steps: int
    at: float
    cpu_s: float


class Stopwatch:
    """The moments when the timed steps began and ended, as lines of the log tell.

    Args:
        cpu_s: gives the CPU seconds used so far.
    """

    def __init__(self, window: Window, cpu_s: Callable[[], float]) -> None:
        self._window, self._cpu_s = window, cpu_s
        self._begin: Mark | None = None
        self._end: Mark | None = None
        self.steps = 0

    def see(self, steps: int) -> None:
        """A line says that so many steps are done."""
        self.steps = steps
        if self._begin is None and steps >= self._window.warm:
            self._begin = self._mark()
        elif self._end is None and steps >= self._window.last:
            self._end = self._mark()

    def _mark(self) -> Mark:
        return Mark(self.steps, time.monotonic(), self._cpu_s())

    def reading(self, whole_s: float) -> Reading | None:
        """What came of it; None if the run ended before, or told of it all at once."""
        begin, end = self._begin, self._end
        if begin is None or end is None or end.at <= begin.at:
            return None
        return Reading(
            steps=end.steps - begin.steps,
            seconds=end.at - begin.at,
            cpu_s=end.cpu_s - begin.cpu_s,
            whole_s=whole_s,
        )


class Tail:
    """A text file that somebody else writes to; it may not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path, self._read, self._rest = path, 0, b""

    def lines(self) -> list[str]:
        """The lines that were finished since it was last asked."""
        try:
            with open(self._path, "rb", buffering=0) as file:
                file.seek(self._read)
                block = file.read()
        except FileNotFoundError:
            return []
        self._read += len(block)
        *whole, self._rest = (self._rest + block).split(b"\n")
        return [line.decode(errors="replace") for line in whole]


def watch(
    trainer: Trainer, out: Path, window: Window, env: Mapping[str, str], guard: Guard
) -> Reading:
    """Run a trainer to its end.

    Args:
        out: an empty folder, for this run alone.

    Raises:
        FasttricksError: it failed, fell silent, or its log does not tell when steps were done.
    """
    began = time.monotonic()
    group = Group(trainer.command(out), env, guard, output=out / OUTPUT)
    try:
        stopwatch = Stopwatch(window, group.cpu_seconds)
        _follow(trainer, Tail(out / trainer.log), group, stopwatch)
        whole_s = time.monotonic() - began
        if group.exit_code() != 0:
            raise _failure(trainer, group.how_it_ended(), group)
        reading = stopwatch.reading(whole_s)
        if reading is None or stopwatch.steps > window.steps:
            why = f"{window.steps} steps were expected, its log tells of {stopwatch.steps}"
            raise _failure(trainer, why, group)
        return reading
    finally:
        group.close()


def _follow(trainer: Trainer, tail: Tail, group: Group, stopwatch: Stopwatch) -> None:
    """Look at the log until the process has ended."""
    heard = time.monotonic()
    while True:
        ended = group.exit_code() is not None  # asked first: what it wrote last is read, too
        for line in tail.lines():
            heard = time.monotonic()
            steps = trainer.steps(line)
            if steps is not None:
                stopwatch.see(steps)
        if ended:
            return
        if time.monotonic() - heard > SILENCE_S:
            raise _failure(trainer, f"its log said nothing for {SILENCE_S:.0f} s", group)
        time.sleep(POLL_S)


def _failure(trainer: Trainer, why: str, group: Group) -> FasttricksError:
    words = group.last_words()
    said = "; it said last: " + " | ".join(words) if words else ""
    return FasttricksError(f"{trainer.row} failed: {why}{said}")
