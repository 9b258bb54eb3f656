"""A row's processes as one group: start, stop, wake, kill, and what they used, from /proc."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from fasttricks.bench import guard

STOPPING_S = 10.0
"""For falling asleep, which a process that waits for a disk or driver does only after that."""
_TICK = os.sysconf("SC_CLK_TCK")


class Memory(NamedTuple):
    """What a group of processes has used so far, 10^6 bytes."""

    rss_mb: float
    """Sum over members of each one's own peak resident size; shared pages count in each."""
    pss_mb: float
    """Sum of proportional sizes now: a page of n processes counts 1/n in each. 0: unknown."""
    shared_mb: float
    """The most shared memory that one member has touched and keeps; part of its resident size."""


class Guard:
    """The helper process that kills the groups if this process dies without doing so."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-IS", str(guard.__file__)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def tell(self, sign: str, group: int) -> None:
        """Put a group on the list ("+") or take it off ("-")."""
        assert self._process.stdin is not None
        # A guard that is gone cannot guard, but that is no reason to lose the measurement.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{sign}{group}\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """End the guard; it kills whatever is still on its list."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Group:
    """A command in a session and process group of its own, spoken to in lines over its pipes.

    Its stderr goes to a temporary file, read when something went wrong; with `output`, a file that
    others may read meanwhile, so does all that it says, and there is nothing to receive.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        watch: Guard,
        output: Path | None = None,
    ) -> None:
        # Not closed here: it lives as long as the group.
        self._errors = open(output, "a+b") if output else tempfile.TemporaryFile()  # noqa: SIM115
        self._guard = watch
        self._pending = b""
        try:
            self._process = subprocess.Popen(
                command,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=self._errors if output else subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError:
            self._errors.close()  # nobody gets the group that would
            raise
        self.id = self._process.pid
        watch.tell("+", self.id)

    def send(self, line: str) -> None:
        """Write one line to the command's stdin; a command that is gone does not raise here."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def receive(self, timeout_s: float) -> str | None:
        """The next line of the command's stdout; None when it has ended.

        Raises:
            TimeoutError: nothing came for `timeout_s` seconds.
        """
        assert self._process.stdout is not None
        stream = self._process.stdout.fileno()
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            # Forked workers may hold the pipe open after the command itself has died.
            ended = self._process.poll() is not None
            if select.select([stream], [], [], 0 if ended else 0.5)[0]:
                block = os.read(stream, 1 << 16)
                if not block:
                    return None
                self._pending += block
            elif ended:
                return None
            elif time.monotonic() > deadline:
                raise TimeoutError(f"nothing heard from it for {timeout_s:.0f} s")
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def wake(self) -> None:
        """Let every process of the group run."""
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop every process of the group, and wait until none runs any more.

        Raises:
            TimeoutError: one goes on. The group was ended, lest it disturb what is timed next.
        """
        self._signal(signal.SIGSTOP)
        if left := guard.within(STOPPING_S, lambda: guard.outside(guard.ASLEEP, {self.id})):
            self._end()
            raise TimeoutError(f"{', '.join(left)} did not stop within {STOPPING_S:g} s")

    def memory(self) -> Memory:
        """Memory of the group's processes."""
        rss = pss = shared = 0.0
        for folder in guard.members({self.id}):
            with contextlib.suppress(OSError):
                rss += kilobytes(folder / "status", "VmHWM:") / 1000
                shared = max(shared, kilobytes(folder / "status", "RssShmem:") / 1000)
                pss += kilobytes(folder / "smaps_rollup", "Pss:") / 1000
        return Memory(rss, pss, shared)

    def cpu_seconds(self) -> float:
        """User and system time of all members, and of those that ended and were waited for."""
        total = 0
        for folder in guard.members({self.id}):
            with contextlib.suppress(OSError):
                total += sum(map(int, guard.stat(folder)[11:15]))
        return total / _TICK

    def last_words(self, lines: int = 4) -> list[str]:
        """The last lines that the group wrote to stderr."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 8192))
        text = self._errors.read().decode(errors="replace")
        return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]

    def exit_code(self) -> int | None:
        """Of the command, a signal's number below 0; None while it runs."""
        return self._process.poll()

    def how_it_ended(self) -> str:
        """Exit code or signal of the command, in words; waits a moment for it."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed its output but goes on running"
        if code < 0:
            return f"it was killed by {signal.Signals(-code).name}"
        return f"it ended with exit code {code}"

    def close(self, patience_s: float = 0.0) -> None:
        """End the group: by closing its stdin if it may take time, then see `guard.end`.

        What could not be ended is said on stderr, in one line.
        """
        if patience_s:
            self.wake()
            self._close_pipes()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=patience_s)
        self._end()
        self._process.poll()  # reaps the command; not earlier, or its id may be another's
        self._guard.tell("-", self.id)
        self._close_pipes()
        self._errors.close()

    def _end(self) -> None:
        if left := guard.end({self.id}):
            print(f"could not be ended: {', '.join(left)}", file=sys.stderr, flush=True)

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.id, number)


def kilobytes(file: Path, field: str) -> float:
    """A field of /proc/<pid>/status and its like, in kB (1024 bytes as 1.024); 0 where it lacks."""
    for line in file.read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1.024
    return 0.0
