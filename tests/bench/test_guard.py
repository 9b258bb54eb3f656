from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fasttricks.bench import guard
from fasttricks.bench.process import Group, Guard

FAREWELL = """
import os, signal, sys, time
def leave(*_):
    open(sys.argv[1], "w").write("left in order")
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
time.sleep(99)
"""
DEAF = "import signal, time\nsignal.signal(15, 1)\nprint('ready', flush=True)\ntime.sleep(99)"


def started(code: str, watch: Guard, *arguments: str) -> Group:
    group = Group([sys.executable, "-c", code, *arguments], os.environ, watch)
    assert group.receive(10) == "ready"
    return group


def test_stopped_processes_may_tidy_up(marked: Callable[[], list[int]], tmp_path: Path) -> None:
    with Guard() as watch:
        group = started(FAREWELL, watch, str(tmp_path / "note"))
        group.stop()
        group.close()
    assert (tmp_path / "note").read_text() == "left in order"


def test_deaf_processes_are_killed(
    marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "GRACE_S", 0.05)
    with Guard() as watch:
        group = started(DEAF, watch)
        group.close()
        assert group.how_it_ended() == "it was killed by SIGKILL"


def test_groups_that_are_gone_are_no_error() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    gone.wait()
    assert guard.end({gone.pid}) == []


def test_what_nobody_asks_about_has_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the first process may never ask how its orphans ended."""
    monkeypatch.setattr(guard, "DYING_S", 99.0)
    monkeypatch.setattr(guard, "GRACE_S", 99.0)
    zombie = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    begin = time.monotonic()
    assert guard.end({zombie.pid}) == []
    assert time.monotonic() - begin < 90
    zombie.wait()


def test_those_left_are_told_until_they_have_ended(
    marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "GRACE_S", 0.05)
    with Guard() as watch:
        group = started(DEAF, watch)
        (told,) = guard.outside(guard.GONE, {group.id})
        assert told.startswith(f"process {group.id} (")
        assert guard.end({group.id}) == []  # all have: it waits, also after SIGKILL
        assert guard.outside(guard.GONE, {group.id}) == []
        group.close()


def test_guard_leaves_alone_what_was_taken_back(marked: Callable[[], list[int]]) -> None:
    with Guard() as outer:
        kept, lost = started(DEAF, outer), started(FAREWELL, outer, "/dev/null")
        inner = Guard()
        for sign, group in (("+", kept), ("+", lost), ("-", kept)):
            inner.tell(sign, group.id)
        inner.close()
        assert lost.how_it_ended() == "it ended with exit code 0"
        assert kept._process.poll() is None
        kept.close()
        lost.close()
