"""Timing jobs in turn: by the wall on the CPU, by events with a cold L2 on a GPU."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch

Job = Callable[[int], None]
"""Makes so many calls."""

COLDER = 2
"""Copies of inputs and outputs fill the largest cache so many times."""


class Clock(Protocol):
    """Where kernels run, and how long they take there."""

    device: torch.device

    @property
    def cache_bytes(self) -> int:
        """What copies of inputs must exceed so that no call finds its own in a cache."""

    def calls(self, job: Job) -> int:
        """How many calls to time together."""

    def turn(self, jobs: Sequence[tuple[Job, int]]) -> list[float]:
        """Seconds that one call of each job takes, from as many calls of each as said."""


class CpuClock:
    """One thread of the CPU."""

    device = torch.device("cpu")
    SHORTEST_S = 1e-3
    """Calls are timed together up to this, so that looking at the clock costs nothing."""

    @property
    def cache_bytes(self) -> int:
        """Of the largest cache, several times."""
        return COLDER * largest_cache()

    def calls(self, job: Job) -> int:
        """As many as take a millisecond."""
        job(1)
        (once,) = self.turn([(job, 2)])
        return max(1, round(self.SHORTEST_S / max(once, 1e-9)))

    def turn(self, jobs: Sequence[tuple[Job, int]]) -> list[float]:
        """By the wall."""
        seconds = []
        for job, calls in jobs:
            begin = time.perf_counter()
            job(calls)
            seconds.append((time.perf_counter() - begin) / calls)
        return seconds


class CudaClock:
    """The current CUDA device and stream."""

    FLUSH_BYTES = 1 << 30
    """Read before each call: far more than an L2 holds, and it takes so long that the host has
    queued the call before the device comes to it. Not written: an L2 full of what must go to memory
    yet would let the call wait for that."""
    cache_bytes = 0  # reading that is enough

    def __init__(self) -> None:
        self.device = torch.device("cuda", torch.cuda.current_device())
        self._flush = torch.ones(self.FLUSH_BYTES // 4, device=self.device)

    def calls(self, job: Job) -> int:
        """One, after it has been compiled and has run a few times."""
        job(3)
        torch.cuda.synchronize(self.device)
        return 1

    def turn(self, jobs: Sequence[tuple[Job, int]]) -> list[float]:
        """By events; the device is waited for once, at the end."""
        marks = []
        for job, calls in jobs:
            begin, end = _event(), _event()
            self._flush.amax()
            begin.record()
            job(calls)
            end.record()
            marks.append((begin, end, calls))
        torch.cuda.synchronize(self.device)
        return [begin.elapsed_time(end) / 1e3 / calls for begin, end, calls in marks]


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def make_clock(device: str) -> Clock:
    """The clock of "cpu" or "cuda"."""
    return CudaClock() if device == "cuda" else CpuClock()


def largest_cache(folder: str = "/sys/devices/system/cpu/cpu0/cache") -> int:
    """Bytes of the largest cache of this processor; 64 MB where Linux does not tell."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    sizes = [64 << 20]
    with contextlib.suppress(OSError, ValueError, KeyError):
        texts = [path.read_text().strip() for path in Path(folder).glob("index*/size")]
        sizes = [int(text[:-1]) * units[text[-1]] for text in texts] or sizes
    return max(sizes)


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """Within, torch works with one thread, as our CPU kernels do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
