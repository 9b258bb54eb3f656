"""Batches on their way: threads share the rows of one, then those of the next."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fasttricks.pipelines.job import Batch
from fasttricks.pipelines.promises import Promise, Promises
from fasttricks.pipelines.recycle import Claim
from fasttricks.pipelines.resident.rows import Memory


class Making(Promise):
    """A batch that is begun, or waited for.

    Attributes:
        batch: what it will be; set when it is begun.
    """

    batch: Batch | None = None


class Shared:
    """Rows that threads make together: each calls `make` until all are taken."""

    def __init__(
        self,
        making: Making,
        rows: int,
        make: Callable[[Memory], int],
    ) -> None:
        """making: the batch that they are. make: takes and makes rows until none is left to take;
        gives how many it made."""
        self.making = making
        self._make: Callable[[Memory], int] | None = make
        self._left = rows
        self._lock = threading.Lock()

    def help(self, memory: Memory) -> bool:
        """Make rows; True if these were the last ones missing."""
        make = self._make
        made = 0 if make is None else make(memory)
        with self._lock:
            self._left -= made
            last = made > 0 and self._left == 0
        if last:
            self._make = None  # frees the batch's memory: a thread may still have this
        return last


class Line:
    """The batches of an epoch, begun in order, as far ahead as there is memory for their images."""

    def __init__(
        self,
        count: int,
        blocks: int,
        begin: Callable[[int, Making], Shared],
        hurry: Callable[[Claim], None],
    ) -> None:
        """begin: make ready the batch of a step: set its `batch` and say what to do; may wait for
        memory until `hurry` is called with its claim."""
        self._count, self._begin = count, begin
        self._makings = Promises(lambda step: Making(blocks), hurry)
        self._step = 0  # the next to begin
        self._newest: Shared | None = None
        self._taking = threading.Lock()

    def work(self, memory: Memory) -> None:
        """Help until nothing is left to do; every thread calls this."""
        try:
            shared = self._take(None)
            while shared is not None:
                if shared.help(memory):
                    shared.making.finished.set()
                shared = self._take(shared)
        except BaseException as error:
            self.stop(error)

    def result(self, step: int) -> Batch:
        """Wait for a batch; each can be had once.

        Raises:
            Exception: what kept it from being made.
        """
        making = self._makings.result(step)
        batch, making.batch = making.batch, None  # threads may still have `making`
        assert batch is not None
        return batch

    def stop(self, error: BaseException | None = None) -> None:
        """Let threads leave; with an error, no batch will be finished any more."""
        self._makings.stop(error)

    def _take(self, done: Shared | None) -> Shared | None:
        """What to help with after `done`, of which no row is left to take; None: nothing more."""
        with self._taking:
            if self._makings.stopped:
                return None
            if self._newest is done:
                self._newest = self._next()
            return None if self._makings.stopped else self._newest

    def _next(self) -> Shared | None:
        if self._step == self._count:
            return None
        step, self._step = self._step, self._step + 1
        making = self._makings[step]
        if not self._makings.may_await(making.claim):
            return None
        try:
            return self._begin(step, making)
        except Exception as error:
            making.fail(error)
            self._makings.stop()
            return None
