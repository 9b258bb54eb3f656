from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fasttricks.bench.process import Guard
from fasttricks.bench.scripts import watch as module
from fasttricks.bench.scripts.steps import steps_torchvision
from fasttricks.bench.scripts.watch import Stopwatch, Tail, Trainer, watch
from fasttricks.bench.scripts.window import Window
from fasttricks.errors import FasttricksError

WINDOW = Window(warm=2, timed=3, rest=1)
LINES = """
import time
for step in range({steps}):
    time.sleep({pause})
    print(f'Epoch: [0]  [{{step}}/{steps}]  eta')
"""


def trainer(code: str) -> Trainer:
    return Trainer(
        row="stand-in",
        command=lambda out: [sys.executable, "-u", "-c", code],
        steps=steps_torchvision,
    )


def run(code: str, tmp_path: Path) -> module.Reading:
    with Guard() as guard:
        return watch(trainer(code), tmp_path, WINDOW, os.environ, guard)


def test_only_the_window_is_timed(tmp_path: Path, marked: Callable[[], list[int]]) -> None:
    slow_ends = (
        "import time\n"
        "for step, pause in enumerate((0.6, 0, 0.1, 0.1, 0.1, 0.6)):\n"
        "    time.sleep(pause)\n"
        "    print(f'Epoch: [0]  [{step}/6]  eta')\n"
        "time.sleep(0.3)"
    )
    reading = run(slow_ends, tmp_path)
    assert reading.steps == 3
    assert 0.27 <= reading.seconds < reading.whole_s - 1.4  # of which 1.5 s lie outside
    assert reading.whole_s > 1.8


def test_cpu_time_is_that_of_all_its_processes(tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "def spin(): end = time.process_time() + 0.3\n"
        "print('Epoch: [0]  [1/6]', flush=True); time.sleep(0.1)\n"
        "end = time.process_time() + 0.2\n"
        "pid = os.fork()\n"
        "begin = time.process_time()\n"
        "while time.process_time() - begin < 0.25: pass\n"
        "if not pid: os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "print('Epoch: [0]  [4/6]', flush=True); time.sleep(0.1)\n"
    )
    assert 0.45 <= run(code, tmp_path).cpu_s < 2


def test_a_script_that_fails_is_quoted(tmp_path: Path, marked: Callable[[], list[int]]) -> None:
    code = LINES.format(steps=3, pause=0) + "raise SystemExit('no such flag')"
    with pytest.raises(FasttricksError, match="stand-in failed: it ended with exit code 1; it said"
                       r" last: .*no such flag") as caught:  # fmt: skip
        run(code, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_log_that_cannot_be_read_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(FasttricksError, match="6 steps were expected, its log tells of 0"):
        run("print('all done')", tmp_path)


@pytest.mark.parametrize("steps", [4, 9])
def test_another_number_of_steps_is_no_measurement(tmp_path: Path, steps: int) -> None:
    with pytest.raises(FasttricksError, match=f"6 steps were expected, its log tells of {steps}"):
        run(LINES.format(steps=steps, pause=0.02), tmp_path)


def test_one_that_falls_silent_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: Callable[[], list[int]]
) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.3)
    with pytest.raises(FasttricksError, match="its log said nothing for"):
        run("import time; time.sleep(60)", tmp_path)


def test_lines_come_whole_and_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.lines() == []  # not there yet
    path.write_bytes(b"one\ntw")
    assert tail.lines() == ["one"]
    assert tail.lines() == []
    with open(path, "ab") as file:
        file.write(b"o\nthr\xffee\n")
    assert tail.lines() == ["two", "thr\ufffdee"]


def test_marks_are_where_lines_first_reach_them() -> None:
    used = iter([1.0, 4.0])
    stopwatch = Stopwatch(Window(warm=50, timed=200, rest=34), lambda: next(used))
    for steps in (1, 41, 51, 61, 241, 251, 261, 284):  # a line every 10 steps
        stopwatch.see(steps)
    reading = stopwatch.reading(9.0)
    assert reading is not None
    assert (reading.steps, reading.cpu_s, reading.whole_s) == (200, 3.0, 9.0)
    assert Stopwatch(WINDOW, lambda: 0.0).reading(1.0) is None
