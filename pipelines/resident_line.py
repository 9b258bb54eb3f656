"""Batches on their way: threads share the rows of one, then those of the next."""

from __future__ import annotations

import threading
from collections import deque
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


class Phase:
    """Rows that threads make together: each calls `make` until all are taken."""

    def __init__(
        self,
        making: Making,
        rows: int,
        make: Callable[[Memory], int],
        then: Callable[[], Phase] | None = None,
    ) -> None:
        """making: the batch that they belong to. make: takes and makes rows until none is left to
        take; gives how many it made. then: what has to wait until all rows are made; None: the
        batch is finished."""
        self.making, self.then = making, then
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
        begin: Callable[[int, Making], Phase],
        hurry: Callable[[Claim], None],
    ) -> None:
        """begin: make ready the batch of a step: set its `batch` and say what to do first; may wait
        for memory until `hurry` is called with its claim."""
        self._count, self._blocks, self._begin, self._hurry = count, blocks, begin, hurry
        self._step = 0  # the next to begin
        self._makings: dict[int, Making] = {}
        self._newest: Phase | None = None
        self._later: deque[Phase] = deque()
        self._known = threading.Lock()
        self._taking = threading.Lock()
        self._awaited: Claim | None = None
        self._stopped = False
        self._error: BaseException | None = None

    def work(self, memory: Memory) -> None:
        """Help until nothing is left to do; every thread calls this."""
        try:
            phase = self._take(None)
            while phase is not None:
                last = phase.help(memory)
                # Never wait for memory with this to do: it is what the memory waits for.
                phase = (self._end(phase) if last else None) or self._take(phase)
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

    def _take(self, done: Phase | None) -> Phase | None:
        """What to help with after `done`, of which no row is left to take; None: nothing more."""
        with self._taking:
            if self._later and self._later[0] is done:
                self._later.popleft()
            if self._stopped:
                return None
            if self._later:
                return self._later[0]
            if self._newest is done:
                self._newest = self._next()
            return None if self._stopped else self._newest

    def _next(self) -> Phase | None:
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

    def _end(self, phase: Phase) -> Phase | None:
        """All rows of a phase are made: what comes next for its batch."""
        if phase.then is None:
            phase.making.finished.set()
            return None
        following = phase.then()
        self._later.append(following)
        return following

    def _making(self, step: int) -> Making:
        with self._known:
            if step not in self._makings:
                self._makings[step] = Making(self._blocks)
                if self._error is not None:
                    self._makings[step].fail(self._error)
            return self._makings[step]
