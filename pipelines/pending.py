"""Batches that threads are making while the caller waits for them, in the order of an epoch.

What `resident.schedule` and `roi.schedule` share. They differ in what a thread takes: rows of a
batch that all threads work on, or pieces of it that were read ahead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Generic, TypeVar

from fasttricks.pipelines.recycle import Claim


class Pending(Future[None]):
    """A batch that is begun, or waited for; done when all of it is there, or never will be.

    Attributes:
        claim: for the memory of its images.
    """

    def __init__(self, blocks: int) -> None:
        """blocks: see `Claim`."""
        super().__init__()
        self.claim = Claim(blocks)

    def finish(self) -> None:
        """All of it is there."""
        with suppress(InvalidStateError):  # all work has failed meanwhile
            self.set_result(None)

    def fail(self, error: BaseException) -> None:
        """It cannot be made, if it is not there yet."""
        with suppress(InvalidStateError):
            self.set_exception(error)


P = TypeVar("P", bound=Pending)


class PendingBatches(Generic[P]):
    """The batches of an epoch by step, created on first access from any thread.

    Attributes:
        stopped: whether threads are to leave.
    """

    def __init__(self, make: Callable[[int], P], hurry: Callable[[Claim], None]) -> None:
        """make: the batch of a step. hurry: end the wait for memory for a claim."""
        self.stopped = False
        self._make, self._hurry = make, hurry
        self._kept: dict[int, P] = {}
        self._known = threading.Lock()
        self._awaited: Claim | None = None
        self._error: BaseException | None = None

    def __getitem__(self, step: int) -> P:
        with self._known:
            if step not in self._kept:
                self._kept[step] = self._make(step)
                if self._error is not None:
                    self._kept[step].fail(self._error)
            return self._kept[step]

    def result(self, step: int) -> P:
        """Wait until it is done; each can be had once.

        Raises:
            Exception: what kept it from being made.
        """
        pending = self[step]
        self._hurry(pending.claim)
        try:
            pending.result()
        finally:
            with self._known:  # `stop` may be looking at all of them
                del self._kept[step]
        return pending

    def may_await(self, claim: Claim) -> bool:
        """Whether to wait for memory for a claim now; `stop` will end that wait.

        For one thread at a time. False if another one stopped all work before it could know of this
        claim.
        """
        self._awaited = claim
        return not self.stopped

    def stop(self, error: BaseException | None = None) -> None:
        """Let threads leave; with an error, no batch will be finished any more."""
        self.stopped = True
        if self._awaited is not None:
            self._hurry(self._awaited)
        if error is not None:
            with self._known:
                self._error = error
                for pending in self._kept.values():
                    pending.fail(error)
