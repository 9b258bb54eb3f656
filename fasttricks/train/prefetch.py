"""From a loader to batches, there when the step wants them."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Generator, Iterator
from typing import NamedTuple, cast

import numpy as np
import torch

from fasttricks.kernels.mix.targets import Mixed
from fasttricks.pipelines.job import view_rows
from fasttricks.pipelines.loader import Loader, Step

AHEAD = 8
"""Steps that may be queued on a GPU before it is waited for: each of them holds a batch there."""


class Batch(NamedTuple):
    """What one forward pass gets."""

    images: torch.Tensor
    """[B, 3, H, W], channels_last."""
    targets: torch.Tensor | Mixed
    indices: torch.Tensor | None = None
    """int64 [B], sample ids, where the loss asks for them."""

    def tensors(self) -> list[torch.Tensor]:
        """All of its tensors, in a fixed order."""
        targets = list(self.targets) if isinstance(self.targets, Mixed) else [self.targets]
        return [self.images, *targets, *([] if self.indices is None else [self.indices])]


class Prefetcher:
    """The batches of what is left of an epoch, and how long the device stood idle for them.

    On a GPU the loader's work there (copies, finishing) goes to a stream of its own, so that it
    runs beside the step that was launched before. On the CPU a batch is handed over as it comes:
    the loader's threads make the next ones meanwhile.

    Args:
        loader: placed where the feed is to begin.
        epoch, first: where that is: the epoch, and how many batches of it are done.
        indices: whether batches say which samples they have.
    """

    def __init__(self, loader: Loader, epoch: int, first: int, *, indices: bool = False) -> None:
        self._loader, self._epoch, self._number, self._indices = loader, epoch, first, indices
        self._batches = cast(Generator[Step], iter(loader))
        self._seconds = 0.0
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._last: Batch | None = None
        self._used: deque[tuple[Batch, torch.cuda.Event]] = deque()
        device = loader.options.device
        self._side = _stream(device) if device.type == "cuda" else None

    def take(self, count: int) -> Iterator[Batch]:
        """The next `count` batches, each fetched when the step asks for it."""
        for _ in range(count):
            yield self._next() if self._side is None else self._next_on(self._side)

    def close(self) -> None:
        """Stop the loader's work for batches that nobody will take. Waits for a GPU."""
        self._batches.close()
        if self._last is not None and self._side is not None:
            torch.cuda.current_stream(self._side.device).synchronize()
        self._last = None
        self._used.clear()

    def waited(self) -> float:
        """Seconds since it was last asked that the step had nothing to do for want of a batch.

        On a GPU only after the device was waited for: the events are then past.
        """
        pairs, self._events = self._events, []
        idle: float = sum(max(0.0, before.elapsed_time(ready)) for before, ready in pairs) / 1000
        seconds, self._seconds = self._seconds + idle, 0.0
        return seconds

    def _next(self) -> Batch:
        began = time.perf_counter()
        batch = self._fetch()
        self._seconds += time.perf_counter() - began
        return batch

    def _next_on(self, side: torch.cuda.Stream) -> Batch:
        main = torch.cuda.current_stream(side.device)
        idle = main.record_event(_event())
        self._let_go(idle)
        with torch.cuda.stream(side):
            batch = self._last = self._fetch()
            ready = side.record_event(_event())
        main.wait_event(ready)
        self._events.append((idle, ready))
        return batch

    def _let_go(self, done: torch.cuda.Event) -> None:
        """Keep the batch before until `done`, the end of its step, has come; let older ones go.

        Its memory belongs to `side`: freed earlier, it would be written to while the step reads.
        (`record_stream` says so to torch's allocator only, but DALI's pictures are in DALI's.)
        """
        if self._last is not None:
            self._used.append((self._last, done))
        while self._used and (len(self._used) > AHEAD or _past(self._used[0][1])):
            self._used.popleft()[1].synchronize()

    def _fetch(self) -> Batch:
        images, targets = next(self._batches)
        number, self._number = self._number, self._number + 1
        if not self._indices:
            return Batch(images, targets)
        samples, _ = view_rows(
            self._loader.indices(self._epoch, number), self._loader.options.views
        )
        ids = torch.from_numpy(np.ascontiguousarray(samples))
        return Batch(images, targets, ids.to(images.device, non_blocking=True))


@functools.cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """One for all feeds: torch keeps free memory by stream, and gives none to another."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _past(event: torch.cuda.Event) -> bool:
    return event.query()  # type: ignore[no-untyped-call,no-any-return]


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
