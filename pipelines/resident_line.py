"""Batches on their way: threads share the rows of one, then those of the next."""

from __future__ import annotations

import threading
from collections.abc import Callable

from fasttricks.pipelines.job import Batch
from fasttricks.pipelines.recycle import Claim
from fasttricks.pipelines.resident_rows import Memory


class Making:
    """A batch that is begun, or waited for.

    Attributes:
        claim: for the memory of its images.
        batch: what it will be; set when it is begun.
        finished: set when all of it is there, or when it will never be.
        error: why it will never be.
    """

    def __init__(self, blocks: int) -> None:
        """blocks: see `Claim`."""
        self.claim = Claim(blocks)
        self.batch: Batch | None = None
        self.finished = threading.Event()
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """It cannot be made."""
        self.error = error
        self.finished.set()


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
        """Make rows; whether that were the last ones that were missing."""
        make = self._make
        made = 0 if make is None else make(memory)
        with self._lock:
            self._left -= made
            last = made > 0 and self._left == 0
        if last:
            self._make = None  # lets go of the batch's memory, whoever still has this object
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
        self._count, self._blocks, self._begin, self._hurry = count, blocks, begin, hurry
        self._step = 0  # the next to begin
        self._makings: dict[int, Making] = {}
        self._newest: Shared | None = None
        self._known = threading.Lock()
        self._taking = threading.Lock()
        self._awaited: Claim | None = None
        self._stopped = False
        self._error: BaseException | None = None

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
        making = self._making(step)
        self._hurry(making.claim)
        making.finished.wait()
        del self._makings[step]
        if making.error is not None:
            raise making.error
        batch, making.batch = making.batch, None  # threads may still have `making`
        assert batch is not None
        return batch

    def stop(self, error: BaseException | None = None) -> None:
        """Let threads leave; with an error, no batch will be finished any more."""
        self._stopped = True
        if self._awaited is not None:
            self._hurry(self._awaited)
        if error is not None:
            with self._known:
                self._error = error
                for making in self._makings.values():
                    making.fail(error)

    def _take(self, done: Shared | None) -> Shared | None:
        """What to help with after `done`, of which no row is left to take; None: nothing more."""
        with self._taking:
            if self._stopped:
                return None
            if self._newest is done:
                self._newest = self._next()
            return None if self._stopped else self._newest

    def _next(self) -> Shared | None:
        if self._step == self._count:
            return None
        making = self._making(self._step)
        self._step += 1
        self._awaited = making.claim
        if self._stopped:  # by a thread that did not see yet what is waited for
            return None
        try:
            return self._begin(self._step - 1, making)
        except Exception as error:
            making.fail(error)
            self._stopped = True
            return None

    def _making(self, step: int) -> Making:
        with self._known:
            if step not in self._makings:
                self._makings[step] = Making(self._blocks)
                if self._error is not None:
                    self._makings[step].fail(self._error)
            return self._makings[step]
