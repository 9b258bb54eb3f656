"""Reading before it is needed: the order of an epoch is known, so latency need not show."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def read_ahead(
    pool: ThreadPoolExecutor, make: Callable[[T], R], items: Iterable[T], depth: int
) -> Generator[R]:
    """`map(make, items)`, in order, done by `pool` for up to `depth` items ahead."""
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(make, item))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
