"""Lines that other programs read, and a bar only where somebody looks."""

import json
import math
import sys

import pytest

from fasttricks.errors import DataError
from fasttricks.train import log as module
from fasttricks.train.log import FILE, Log


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
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Log(tmp_path, 10, first=True) as log:
        log.show(4, "812 images/s")
        assert log._bar.tasks[0].completed == 4
        assert log._bar.tasks[0].description == "812 images/s"
        log.say("[red] is no colour")
    assert "[red] is no colour" in capsys.readouterr().err


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


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    told = "file is a file; --out names a folder$"
    with pytest.raises(DataError, match=told), Log(tmp_path / "file", 1, first=True):
        pass
    beneath = Log(tmp_path / "file" / "run", 1, first=True)
    with pytest.raises(DataError, match=r"cannot write to .*run: Not a directory"), beneath:
        pass
