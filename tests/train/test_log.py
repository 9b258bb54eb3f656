"""Lines that other programs read, and a bar only where somebody looks."""

import json
import math
import sys
from pathlib import Path

import pytest

from fasttricks.errors import DataError
from fasttricks.train import log as module
from fasttricks.train.log import FILE, Log, read_log


def read(folder):
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


def test_lines_are_objects_and_go_on_where_they_were(tmp_path, capsys):
    for loss in (1.5, math.nan):
        with Log(tmp_path / "run", 10, first=True) as log:
            log.write("step", step=1, loss=loss)
            log.show(1, "not seen")
            log.say("heard")
    first, second = read(tmp_path / "run")
    assert (first["kind"], first["step"], first["loss"]) == ("step", 1, 1.5)
    assert second["loss"] is None
    said = capsys.readouterr()
    assert said.out == "heard\nheard\n"
    assert said.err == ""


def test_other_processes_are_silent(tmp_path, capsys):
    with Log(tmp_path / "run", 10, first=False) as log:
        log.write("step", step=1, loss=1.0)
        log.say("nothing")
    assert not (tmp_path / "run").exists()
    assert capsys.readouterr().out == ""


def test_a_bar_where_somebody_looks(tmp_path, capsys, monkeypatch):
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    with Log(tmp_path, 10, first=True) as log:
        log.show(4, "812 images/s")
        assert log._bar.tasks[0].completed == 4
        assert log._bar.tasks[0].description == "812 images/s"
        log.say("[red] is no colour")
    assert "[red] is no colour" in capsys.readouterr().err


def test_what_is_said_goes_where_stdout_goes(tmp_path, capsys, monkeypatch):
    """`fasttricks train ... | tee log`: a bar would take all lines to stderr."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Log(tmp_path, 10, first=True) as log:
        log.say("top-1 50 %")
    assert capsys.readouterr().out == "top-1 50 %\n"


def test_the_time_left_is_known_where_looks_are_rare(tmp_path, monkeypatch):
    """Fifty steps take a minute here; rich alone forgets what it saw 30 seconds ago."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    with Log(tmp_path, 1000, first=True) as log:
        now = [0.0]
        log._bar.get_time = lambda: now[0]
        for look in range(1, 6):
            now[0] += 60
            log.show(50 * look, "")
        assert log._bar.tasks[0].time_remaining == pytest.approx(15 * 60)


def test_a_line_a_minute_where_nobody_looks(tmp_path, monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with Log(tmp_path, 2000, first=True) as log:
        for step, seconds in ((50, 30), (100, 70), (150, 80), (1200, 131)):
            now[0] = float(seconds)
            log.show(step, f"loss of {step}")
    assert capsys.readouterr().out == (
        "step 100/2,000  loss of 100\nstep 1,200/2,000  loss of 1200\n"
    )
    with Log(tmp_path, 2000, first=False) as log:
        now[0] = 1e6
        log.show(1, "of another process")
    assert capsys.readouterr().out == ""


def test_tensorboard_gets_the_numbers_where_it_is(tmp_path, monkeypatch):
    class Board:
        scalars, closed = [], False

        def add_scalar(self, *what):
            self.scalars.append(what)

        def close(self):
            self.closed = True

    board = Board()
    monkeypatch.setattr(module, "_tensorboard", lambda folder: board)
    with Log(tmp_path, 10, first=True) as log:
        log.write("step", step=3, loss=1.5, note="words")
    assert board.scalars == [("step/loss", 1.5, 3)]
    assert board.closed


def test_lines_that_were_written_are_known_also_beside_a_broken_one(tmp_path):
    with Log(tmp_path, 10, first=True) as log:
        log.write("evaluation", step=4)
    with open(tmp_path / FILE, "a") as file:
        file.write('{"kind": "evalu\n')
    with Log(tmp_path, 10, first=True) as log:
        assert log.has("evaluation", 4)
        assert not log.has("evaluation", 5)
        assert not log.has("step", 4)
    with Log(tmp_path, 10, first=False) as log:
        assert not log.has("evaluation", 4)


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path):
    with Log(tmp_path, 10, first=True) as log:
        log.write("step", step=2)
    with open(tmp_path / FILE, "a") as file:
        file.write('{"kind": "ste')
    with Log(tmp_path, 10, first=True) as log:
        log.write("start", step=2)
    assert [line["kind"] for line in read_log(tmp_path)] == ["step", "start"]
    assert list(read_log(tmp_path / "nowhere")) == []


def test_two_runs_at_a_time_in_one_folder_are_refused(tmp_path):
    with Log(tmp_path, 10, first=True) as log:
        second = Log(tmp_path, 10, first=True)
        with pytest.raises(DataError, match=f"another process trains into {tmp_path}: "), second:
            pass
        with Log(tmp_path, 10, first=False):  # another process of the same run
            log.write("step", step=1)
    with Log(tmp_path, 10, first=True):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_tensorboard", lambda folder: None)
    (tmp_path / FILE).symlink_to("/dev/full")
    told = f"cannot write to {tmp_path / FILE}: No space left on device; make room, then go on"
    with pytest.raises(DataError, match=told), Log(tmp_path, 10, first=True) as log:
        log.write("step", step=1)


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    told = "file is a file; --out names a folder$"
    with pytest.raises(DataError, match=told), Log(tmp_path / "file", 1, first=True):
        pass
    beneath = Log(tmp_path / "file" / "run", 1, first=True)
    with pytest.raises(DataError, match=r"cannot write to .*run: Not a directory"), beneath:
        pass
