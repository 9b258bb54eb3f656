"""One iteration of a loader, which something else may end, and the process it belongs to."""

from __future__ import annotations

import ctypes
import inspect
import os
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


class Process:
    """Which process has the threads of a loader; a forked child waits for them for ever."""

    def __init__(self) -> None:
        self._number: int | None = None

    def enter(self) -> None:
        """From now on they are in this one."""
        self._number = os.getpid()

    def is_here(self) -> bool:
        """Whether they are in this process, or nowhere yet."""
        return self._number is None or self._number == os.getpid()

    def check(self) -> None:
        """Raises RuntimeError if they are not in this process."""
        if not self.is_here():
            raise RuntimeError("this loader belongs to another process; open it where it is used")


class Iteration(Iterator[T]):
    """Gives what a generator gives. Dropping it closes that, and so ends the work under way."""

    def __init__(self, steps: Generator[T], process: Process | None = None) -> None:
        self._steps = steps
        self._process = process or Process()
        self._ended = ""

    def __next__(self) -> T:
        """The next step.

        Raises:
            RuntimeError: it was ended early; to stop in silence would leave an epoch short. Or this
                is a child of the process that began it.
        """
        self._process.check()
        if self._ended:
            raise RuntimeError(f"this iteration has ended early: {self._ended}")
        return next(self._steps)

    def end(self, why: str) -> None:
        """Stop all work in flight; with a reason, asking for more is an error that tells it."""
        if inspect.getgeneratorstate(self._steps) != inspect.GEN_CLOSED:
            self._ended = why
        self._steps.close()

    def close(self) -> None:
        """Stop all work in flight, as a generator's; there is nothing more to come then."""
        self.end("")

    def __del__(self) -> None:
        if not self._process.is_here():
            # Closing it would wait for the parent's threads: it is never to be freed here.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._steps))
