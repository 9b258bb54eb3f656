"""One iteration of a loader, which something else may end."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


class Iteration(Iterator[T]):
    """Gives what a generator gives. Dropping it closes that, and so ends the work under way."""

    def __init__(self, steps: Generator[T]) -> None:
        self._steps = steps
        self._ended = ""

    def __next__(self) -> T:
        """The next step.

        Raises:
            RuntimeError: it was ended early; to stop in silence would leave an epoch short.
        """
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
