"""Ending process groups, and a script that ends those which a bench left when it was itself killed.

A row that is stopped (SIGSTOP) cannot notice that its parent is gone, and its workers would stay
for ever. The script reads group ids from a pipe that only the bench holds open, and when the pipe
ends, whatever the reason, it ends the groups that were not taken back. It imports no own code.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Set

GRACE_S = 2.0


def end(groups: Set[int], reap: Callable[[], object] = lambda: None) -> None:
    """End all processes of the groups, also stopped ones: by SIGTERM, after a moment by SIGKILL.

    SIGTERM first because Python's resource tracker outlives it, removes the named semaphores of the
    others and leaves by itself. `reap` is called while waiting: a group with an unreaped member
    still seems to be there.
    """
    for group in groups:
        for number in (signal.SIGTERM, signal.SIGCONT):
            _signal(group, number)
    deadline = time.monotonic() + GRACE_S
    while any(_signal(group, 0) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.01)
        reap()
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Whether there was anybody to get it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


def main() -> None:
    """Read "+pgid" and "-pgid" lines until end of file, then end every group still listed."""
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    end(groups)


if __name__ == "__main__":
    main()
