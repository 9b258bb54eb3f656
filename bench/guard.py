"""What process groups do, and their end; a script that ends those left by a bench that was killed.

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
from collections.abc import Callable, Iterator, Set
from pathlib import Path

GRACE_S = 2.0
"""For leaving after SIGTERM."""
DYING_S = 10.0
"""For dying of SIGKILL, which takes effect when a process waits for a disk or driver no more."""
GONE = "ZX"
"""States of what has ended, though somebody may have to ask how yet."""
ASLEEP = GONE + "Tt"
"""States of what does not run before it is woken."""


def end(groups: Set[int]) -> list[str]:
    """End all processes of the groups, also stopped ones: by SIGTERM, after a moment by SIGKILL.

    SIGTERM first because Python's resource tracker outlives it, removes the named semaphores of the
    others and leaves by itself.

    Returns:
        Those that have not ended all the same, in words.
    """
    for number in (signal.SIGTERM, signal.SIGCONT):
        _signal(groups, number)
    if within(GRACE_S, lambda: outside(GONE, groups)):
        _signal(groups, signal.SIGKILL)
    return within(DYING_S, lambda: outside(GONE, groups))


def within(seconds: float, find: Callable[[], list[str]]) -> list[str]:
    """What is still found after so many seconds; returns as soon as that is nothing."""
    deadline = time.monotonic() + seconds
    while (found := find()) and time.monotonic() < deadline:
        time.sleep(0.001)
    return found


def outside(states: str, groups: Set[int]) -> list[str]:
    """The processes of the groups with a thread in any other state than these, in words."""
    found = []
    for folder in members(groups):
        with contextlib.suppress(OSError):  # ended meanwhile
            others = {stat(thread)[0] for thread in (folder / "task").iterdir()} - set(states)
            if others:
                name = (folder / "comm").read_text().strip()
                found.append(f"process {folder.name} ({name}, state {min(others)})")
    return found


def members(groups: Set[int]) -> Iterator[Path]:
    """The folders in /proc of every process of the groups."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with contextlib.suppress(OSError):  # ended meanwhile
                if int(stat(folder := Path("/proc", name))[2]) in groups:
                    yield folder


def stat(folder: Path) -> list[str]:
    """Fields of a process or thread from its state on; its name before that may be anything."""
    return (folder / "stat").read_text().rpartition(")")[2].split()


def _signal(groups: Set[int], number: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def main() -> None:
    """Read "+pgid" and "-pgid" lines until end of file, then end every group still listed."""
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    if left := end(groups):
        print(f"fasttricks bench: could not be ended: {', '.join(left)}", file=sys.stderr)


if __name__ == "__main__":
    main()
