"""Batches on their way: threads share the rows of one, then those of the next."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fasttricks.pipelines.job import Batch
from fasttricks.pipelines.pending import Pending, PendingBatches
from fasttricks.pipelines.recycle import Claim
from fasttricks.pipelines.resident.rows import Memory


class PendingBatch(Pending):
    """A batch that is begun, or waited for.

    Attributes:
        batch: what it will be; set when it is begun.
    """

    batch: Batch | None = None


class Shared:
    """Rows that threads make together: each calls `make` until all are taken."""

    def __init__(
        self,
        pending: PendingBatch,
        rows: int,
        make: Callable[[Memory], int],
    ) -> None:
        """pending: the batch that they are. make: takes and makes rows until none is left to take;
        gives how many it made."""
        self.pending = pending
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


class Schedule:
    """The batches of an epoch, begun in order, as far ahead as there is memory for their images."""

    def __init__(
        self,
        count: int,
        blocks: int,
        begin: Callable[[int, PendingBatch], Shared],
        hurry: Callable[[Claim], None],
    ) -> None:
        """begin: make ready the batch of a step: set its `batch` and say what to do; may wait for
        memory until `hurry` is called with its claim."""
        self._count, self._begin = count, begin
        self._pending = PendingBatches(lambda step: PendingBatch(blocks), hurry)
        self._step = 0  # the next to begin
        self._newest: Shared | None = None
        self._taking = threading.Lock()

    def work(self, memory: Memory) -> None:
        """Help until nothing is left to do; every thread calls this."""
        try:
            shared = self._take(None)
            while shared is not None:
                if shared.help(memory):
                    shared.pending.finish()
                shared = self._take(shared)
        except BaseException as error:
            self.stop(error)

    def result(self, step: int) -> Batch:
        """Wait for a batch; each can be had once.

        Raises:
            Exception: what kept it from being made.
        """
        pending = self._pending.result(step)
        batch, pending.batch = pending.batch, None  # threads may still have `pending`
        assert batch is not None
        return batch

    def stop(self, error: BaseException | None = None) -> None:
        """Let threads leave; with an error, no batch will be finished any more."""
        self._pending.stop(error)

    def _take(self, done: Shared | None) -> Shared | None:
        """What to help with after `done`, of which no row is left to take; None: nothing more."""
        with self._taking:
            if self._pending.stopped:
                return None
            if self._newest is done:
                self._newest = self._next()
            return None if self._pending.stopped else self._newest

    def _next(self) -> Shared | None:
        if self._step == self._count:
            return None
        step, self._step = self._step, self._step + 1
        pending = self._pending[step]
        if not self._pending.may_await(pending.claim):
            return None
        try:
            return self._begin(step, pending)
        except Exception as error:
            pending.fail(error)
            self._pending.stop()
            return None
