from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from fasttricks.bench import guard as ending
from fasttricks.bench import process
from fasttricks.bench.process import Group, Guard

SPIN_WITH_CHILD = """
import os
os.fork()
os.write(1, b'%d\\n' % os.getpid())
while True: sum(range(10000))
"""
WAIT_FOR_EVER = """
import ctypes, os, sys, threading, time
def wait():
    ctypes.PyDLL(None).vfork()  # until the child, which is stopped too, starts a program or ends
    os.write(1, b'ready\\n')
    time.sleep(99)
if sys.argv[1:]: threading.Thread(target=wait).start()
else: wait()
time.sleep(99)
"""
"""In the kernel, as one waits for a disk: it cannot be stopped, only killed."""
ECHO = "import sys\nfor line in sys.stdin: print('heard', line, end='', flush=True)"


def group(code: str, guard: Guard, *arguments: str) -> Group:
    return Group([sys.executable, "-c", code, *arguments], os.environ, guard)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_command_that_cannot_be_started_leaves_no_file_open() -> None:
    with Guard() as guard, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises(FileNotFoundError):
            Group(["/no/such/command"], os.environ, guard)
        gc.collect()
    assert warned == []


def test_stop_and_wake_reach_every_process(marked: Callable[[], list[int]]) -> None:
    with Guard() as guard:
        spinning = group(SPIN_WITH_CHILD, guard)
        pids = [int(spinning.receive(10) or 0) for _ in range(2)]
        spinning.stop()
        assert [state(pid) for pid in pids] == ["T", "T"]
        before = spinning.cpu_seconds()
        time.sleep(0.1)
        assert spinning.cpu_seconds() == before
        spinning.wake()
        while spinning.cpu_seconds() <= before:
            time.sleep(0.01)  # would never end if it had not been woken
        spinning.close()


@pytest.mark.parametrize("arguments", [[], ["in a thread"]])
def test_what_does_not_stop_is_ended_and_said(
    arguments: list[str],
    marked: Callable[[], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(process, "STOPPING_S", 0.2)
    with Guard() as guard:
        waiting = group(WAIT_FOR_EVER, guard, *arguments)
        assert waiting.receive(10) == "ready"
        with pytest.raises(TimeoutError, match=rf"process {waiting.id} \(.*, state D\) did not"):
            waiting.stop()
        assert ending.outside(ending.GONE, {waiting.id}) == []
        waiting.close()
    assert capsys.readouterr().err == ""  # it was ended


def test_what_cannot_be_ended_is_said_and_not_waited_for(
    marked: Callable[[], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As when a driver does not let a process go."""
    with Guard() as guard:
        lasting = group("print(1, flush=True)\nimport time; time.sleep(99)", guard)
        lasting.receive(10)
        with monkeypatch.context() as patch:
            patch.setattr(ending, "GRACE_S", 0.01)
            patch.setattr(ending, "DYING_S", 0.01)
            patch.setattr(os, "killpg", lambda *_: None)
            lasting.close()
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"could not be ended: process {lasting.id} (")
        os.killpg(lasting.id, signal.SIGKILL)
        assert lasting.how_it_ended() == "it was killed by SIGKILL"


def test_memory_adds_up_over_the_group(marked: Callable[[], list[int]]) -> None:
    with Guard() as guard:
        one = group("print(1, flush=True)\nimport time; time.sleep(99)", guard)
        one.receive(10)
        two = group(
            "import os; os.fork(); print(1, flush=True)\nimport time; time.sleep(99)", guard
        )
        two.receive(10)
        two.receive(10)
        # Two copies of one process: twice the resident size, but most pages are shared.
        assert two.memory().rss_mb > 1.5 * one.memory().rss_mb > 1
        assert two.memory().pss_mb < two.memory().rss_mb
        one.close()
        two.close()


def test_time_of_a_process_that_ended_is_kept(marked: Callable[[], list[int]]) -> None:
    code = """
import os, time
if os.fork() == 0:
    while time.process_time() < 0.2: pass
    os._exit(0)
os.wait(); print(1, flush=True); time.sleep(99)
"""
    with Guard() as guard:
        parent = group(code, guard)
        parent.receive(20)
        # User and system time, of itself and of its children, are rounded down to a tick each.
        assert parent.cpu_seconds() >= 0.2 - 4 / os.sysconf("SC_CLK_TCK")
        parent.close()


def test_lines_go_both_ways(marked: Callable[[], list[int]]) -> None:
    with Guard() as guard:
        echo = group(ECHO, guard)
        echo.send("a")
        echo.send("b")
        assert [echo.receive(10), echo.receive(10)] == ["heard a", "heard b"]
        with pytest.raises(TimeoutError, match="nothing heard"):
            echo.receive(0.01)
        echo.close(patience_s=5)


def test_last_words_and_end_of_a_process(marked: Callable[[], list[int]]) -> None:
    with Guard() as guard:
        dying = group(
            "import sys; print('x' * 9000 + '\\nwhy', file=sys.stderr); sys.exit(3)", guard
        )
        assert dying.receive(10) is None
        assert dying.how_it_ended() == "it ended with exit code 3"
        assert dying.last_words(1) == ["why"]
        dying.send("a closed pipe is no reason to raise")
        dying.close()
        killed = group("import os; os.kill(os.getpid(), 11)", guard)
        assert killed.receive(10) is None
        assert killed.how_it_ended() == "it was killed by SIGSEGV"
        killed.close()


def test_end_is_noticed_though_a_child_holds_the_pipe(marked: Callable[[], list[int]]) -> None:
    with Guard() as guard:
        code = "import os, time\nif os.fork() == 0: time.sleep(99)"
        orphaning = group(code, guard)
        assert orphaning.receive(30) is None
        orphaning.close()


def test_closing_kills_stopped_processes(marked: Callable[[], list[int]]) -> None:
    with Guard() as guard:
        spinning = group(SPIN_WITH_CHILD, guard)
        spinning.receive(10)
        spinning.receive(10)
        spinning.stop()
        spinning.close()


def test_guard_kills_stopped_groups_of_a_killed_bench(marked: Callable[[], list[int]]) -> None:
    code = f"""
import os, sys
from fasttricks.bench.process import Group, Guard
guard = Guard()
group = Group([sys.executable, "-c", {SPIN_WITH_CHILD!r}], os.environ, guard)
group.receive(10); group.receive(10); group.stop()
print(group.id, flush=True)
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert int(done.stdout) > 0  # it got as far as having a stopped group; `marked` sees the end


def test_with_an_output_all_that_is_said_goes_to_that_file(
    tmp_path: Path, marked: Callable[[], list[int]]
) -> None:
    code = "import sys; print('one', flush=True); sys.exit('two')"
    path = tmp_path / "output"
    with Guard() as guard:
        said = Group([sys.executable, "-c", code], os.environ, guard, output=path)
        assert said.how_it_ended() == "it ended with exit code 1"
        assert said.exit_code() == 1
        assert said.last_words() == ["one", "two"]
        assert path.read_text() == "one\ntwo\n"
        said.close()
