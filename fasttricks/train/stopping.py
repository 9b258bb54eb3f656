"""Stopping when asked: the batch under way is finished first, and a checkpoint written.

Signals come to each process when they come, and to one of them only where a scheduler ends one.
All must leave the loop after the same step, or those that go on wait in a collective for ever: so
they vote now and then, and nobody waits for the result.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

import torch
import torch.distributed as dist

from fasttricks.train.distributed import World, speaks

T = TypeVar("T")

NOTE = "fasttricks: stopping after {}; Ctrl-C again ends at once\n"
PERIOD_S = 1.0
"""Between two votes, as steps take at the time."""
MOST_STEPS = 16
"""Between two votes however short steps are, so that steps which get slow do not delay them long.

A vote takes about 0.8 ms of CPU time."""


class Asked(Exception):
    """A process was asked to stop."""


class Stopper:
    """While it is entered, SIGTERM and SIGINT only leave a note, which is told at once.

    A second signal interrupts if it is SIGINT, and should tidying up then take long, a third ends
    the process on the spot.

    Attributes:
        asked: the name of the signal that came, "" as long as none did.

    Python delivers signals to the main thread only, so in others this does nothing.
    """

    _SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.asked = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stopper:
        if threading.current_thread() is threading.main_thread():
            for one in self._SIGNALS:
                self._before[one] = signal.signal(one, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            raise KeyboardInterrupt
        if not self.asked and speaks():
            # Not print: the signal may have come in the middle of one, which cannot be re-entered.
            alone = os.environ.get("WORLD_SIZE", "1") == "1"
            os.write(2, NOTE.format("this batch" if alone else "one of the next batches").encode())
        self.asked = signal.Signals(number).name


class Vote:
    """Now and then each process says whether it was asked to stop; all learn it one step later.

    The sum is under way, in a thread of gloo's, while the next step runs: nobody waits for it but
    where another process is a whole step behind, and then its gradients would be waited for, too.
    It goes over the CPU also where gradients go over NCCL, so no GPU is waited for, nor asked.

    In the same sum all agree when the next vote is: each says how many steps it makes in
    `PERIOD_S`, and the slowest is followed. So all vote at the same steps whatever their clocks
    say, first at every step.

    Args:
        world: all of it takes part, so all processes must make one at the same place.
        clock: seconds.
    """

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self._alone = world.size == 1
        self._clock, self._cast_at = clock, clock()
        self._steps, self._interval = 0, 1  # since the last vote, and from it to the next
        self._before: tuple[torch.Tensor, dist.Work | None] | None = None
        self._late = False  # an answer that came between the steps
        self._group: Any = None
        if not self._alone and "cpu:" not in dist.get_backend_config():
            self._group = dist.new_group(backend="gloo")  # the caller's is NCCL's alone

    def __call__(self, asked: bool) -> bool:
        """To be called in every step; whether anybody said yes in the vote of the step before.

        Alone, there is nobody to ask: the answer is `asked`.
        """
        if self._alone:
            return asked
        heard, self._late = self._result() or self._late, False
        self._steps += 1
        if self._steps >= self._interval:
            self._cast(asked)
        return heard

    def restart(self) -> None:
        """Say that what follows takes another time than what was before, so the first is a vote.

        All processes must say so at the same place.
        """
        self._late = self._result() or self._late
        self._steps, self._interval, self._cast_at = 0, 1, self._clock()

    def close(self) -> None:
        """Wait for the last vote: the group must not be left while one is under way."""
        self._result()

    def _cast(self, asked: bool) -> None:
        now = self._clock()
        pace = self._steps / max(now - self._cast_at, 1e-9)
        self._steps, self._cast_at = 0, now
        most = max(1, min(MOST_STEPS, int(pace * PERIOD_S)))
        said = torch.tensor([asked, -most], dtype=torch.int32)  # the largest -most is the least
        work = dist.all_reduce(said, op=dist.ReduceOp.MAX, group=self._group, async_op=True)
        self._before = said, work

    def _result(self) -> bool:
        if self._before is None:
            return False
        (said, work), self._before = self._before, None
        if work is not None:  # as it is for processes that are not in the group: nobody here
            work.wait()
        asked, least = said.tolist()
        self._interval = -least
        return bool(asked)


def until_asked(batches: Iterable[T], vote: Vote, stopper: Stopper) -> Iterator[T]:
    """The batches of an evaluation, of which all processes have equally many.

    Raises:
        Asked: after a batch, in all processes at the same, once one of them was asked to stop.
    """
    vote.restart()
    for batch in batches:
        yield batch
        if vote(bool(stopper.asked)):
            raise Asked
