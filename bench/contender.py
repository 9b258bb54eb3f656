"""One row while it is being measured: its process group, and what is asked of it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from fasttricks.bench.child import Settings
from fasttricks.bench.process import Group, Guard
from fasttricks.bench.rows import Row
from fasttricks.bench.stats import Measured, Round
from fasttricks.errors import FasttricksError

CHILD = Path(__file__).with_name("child.py")
DRAIN_S = 0.3
PATIENCE_S = 900.0
"""A row that says nothing for so long has failed; FFCV compiles for a minute on a slow machine."""
PREPARING_S = 12 * 3600.0
"""The same for a row that decodes all of its pictures before its first batch."""


class RowFailedError(FasttricksError):
    """A row could not be measured; the message is one line, `details` are its last words."""

    def __init__(self, label: str, reason: str, details: list[str]) -> None:
        super().__init__(f"{label} failed: {reason}")
        self.details = details


class Contender:
    """A row's child process and all that was measured of it so far.

    Args:
        patience_s: how long everything may take together; by default it has failed when it says
            nothing for `PATIENCE_S`, and `PREPARING_S` while it prepares.
    """

    def __init__(
        self,
        row: Row,
        settings: Settings,
        warmup: float,
        guard: Guard,
        patience_s: float | None = None,
    ) -> None:
        self.row = row
        self.settings = settings
        self.facts: dict[str, Any] = {}
        self.stages: dict[str, float] = {}
        self.shape: list[int] = []
        self.dtype = ""
        self._warmup = warmup
        self._deadline = None if patience_s is None else time.monotonic() + patience_s
        self._guard = guard
        self._processes: Group | None = None

    def start(self) -> None:
        """Start the process, wait until it has warmed up, check its batch, put it to sleep."""
        order = {
            "source": self.row.source,
            "path": sys.path if self.row.python == sys.executable else [],
            "settings": self.settings,
            "warmup": self._warmup,
            "spawned": time.monotonic(),
        }
        command = [self.row.python, str(CHILD)]
        try:
            self._processes = Group(command, _environment(self.row), self._guard)
        except OSError as error:
            reason = f"cannot start {self.row.python}: {error.strerror}"
            raise self._failure(reason) from error
        self._group.send(json.dumps(order))
        first = self._expect("first", PREPARING_S if self.row.prepares else PATIENCE_S)
        self.measured = Measured(first_batch_s=first["seconds"])
        ready = self._expect("ready")
        self._sleep()
        self.facts = ready["facts"]
        self.shape, self.dtype = ready["shape"], ready["dtype"].removeprefix("torch.")
        batch, size = self.settings["batch_size"], self.settings["size"]
        right = self.shape in ([batch, 3, size, size], [batch, size, size, 3])
        if self.row.batches and not right:
            raise self._failure(f"its batches have the shape {self.shape}")
        self._note_memory()

    def round(self, seconds: float, limit: int) -> Round:
        """Wake the row, time it, put it to sleep.

        Args:
            seconds: timed part.
            limit: end after so many pictures, with no more drained than the queues hold; 0: none.
        """
        ahead = int(self.facts["ahead"])
        if limit:
            ahead = min(ahead, limit // self.settings["batch_size"] // 2)
        self._group.wake()
        self._ask(
            "round",
            seconds=seconds,
            drain_batches=ahead,
            drain_seconds=0.0 if limit else DRAIN_S,
            limit=limit,
        )
        self._expect("begin")
        before = self._group.cpu_seconds()
        result = self._expect("round")
        self._sleep()
        used = self._group.cpu_seconds() - before
        self.facts |= result["facts"]
        self._note_memory()
        timed = Round(
            images=result["images"],
            seconds=result["seconds"],
            gaps=result["gaps"],
            cpu_s=used,
            begin=result["begin"],
        )
        self.measured.rounds.append(timed)
        return timed

    def profile(self, count: int) -> None:
        """Let the row split its time into stages, where it can."""
        self._group.wake()
        try:
            self._ask("stages", count=count)
            self.stages = self._expect("stages")["stages"]
        finally:
            self._sleep()

    def close(self, patience_s: float = 0.0) -> None:
        """End the row's processes; see `Group.close`."""
        if self._processes:
            self._processes.close(patience_s)

    @property
    def _group(self) -> Group:
        assert self._processes is not None, "start comes first"
        return self._processes

    def _sleep(self) -> None:
        try:
            self._group.stop()
        except TimeoutError as error:
            raise self._failure(str(error)) from error

    def _note_memory(self) -> None:
        memory, seen = self._group.memory(), self.measured
        seen.peak_rss_mb = max(seen.peak_rss_mb, memory.rss_mb)
        seen.peak_pss_mb = max(seen.peak_pss_mb, memory.pss_mb)
        seen.peak_shared_mb = max(seen.peak_shared_mb, memory.shared_mb)

    def _ask(self, what: str, **limits: Any) -> None:
        self._group.send(json.dumps({"do": what, **limits}))

    def _expect(self, event: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next event, which must be this one."""
        if self._deadline is not None:
            patience_s = max(0.0, self._deadline - time.monotonic())
        try:
            line = self._group.receive(patience_s)
        except TimeoutError as error:
            raise self._failure(str(error)) from error
        if line is None:
            raise self._failure(self._group.how_it_ended(), self._group.last_words())
        message: dict[str, Any] = json.loads(line)
        if message["event"] == "error":
            raise self._failure(message["reason"])
        if message["event"] != event:
            raise self._failure(f"it said {message['event']} where {event} was due")
        return message

    def _failure(self, reason: str, details: list[str] | None = None) -> RowFailedError:
        return RowFailedError(self.row.label, reason, details or [])


def _environment(row: Row) -> dict[str, str]:
    """Ours, with thread pools as large as the row claims; other interpreters see no paths."""
    count = str(row.threads)
    # numba (and FFCV through it) never gets more threads than it was told of when it was imported.
    environment = dict(os.environ, OMP_NUM_THREADS=count, NUMBA_NUM_THREADS=count)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        environment.pop(name, None)
    if row.python != sys.executable:
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            environment.pop(name, None)
    return environment
