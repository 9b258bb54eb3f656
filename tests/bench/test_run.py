"""The command as a whole, with rows that need nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import run as command
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.rows import Row
from fasttricks.errors import DataError, FasttricksError, UnknownNameError

FAKE = str(Path(__file__).with_name("fake_row.py"))


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, marked: Callable[[], list[int]]) -> None:
    """Names given with --pipeline are fake rows."""

    def plan(config: BenchConfig, files: Any) -> tuple[list[Row], list[str]]:
        names = config.pipeline_names
        return [Row(name=name, threads=1, source=FAKE) for name in names], ["ffcv: not today"]

    monkeypatch.setattr(command, "plan_rows", plan)
    monkeypatch.setattr(command, "check_names", lambda config: None)


def settings(picture_folder: Path, **changes: Any) -> BenchConfig:
    given = {"seconds": 0.05, "rounds": 2, "warmup": 0.0, "batch_size": 8, "size": 32}
    return BenchConfig(**{**given, "data": picture_folder, "pipeline": "a,b", **changes})


def test_table_json_and_comparison(
    picture_folder: Path, fakes: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(settings(picture_folder, json=tmp_path / "one.json")) == 0
    first = capsys.readouterr()
    assert [json.loads(line)["row"] for line in (tmp_path / "one.json").open()] == ["a", "b"]
    assert first.err.splitlines() == [
        "left out: ffcv: not today",
        "a x1: starting",
        "b x1: starting",
        "round 1 of 2",
        "round 2 of 2",
        "stages",
    ]
    assert any(line.split()[:2] == ["b", "1"] for line in first.out.splitlines())
    assert "\x1b" not in first.out

    again = settings(picture_folder, compare=tmp_path / "one.json", pipeline="b")
    assert command.run(again) == 0
    assert "ratio: now over then" in capsys.readouterr().out


def test_exit_code_2_when_a_row_failed(
    picture_folder: Path, fakes: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(settings(picture_folder, pipeline="raises,a", json=tmp_path / "r")) == 2
    printed = capsys.readouterr()
    assert "raises x1 failed: ValueError: no such luck" in printed.err
    assert [json.loads(line)["row"] for line in (tmp_path / "r").open()] == ["a"]


def test_no_file_when_nothing_was_measured(
    picture_folder: Path, fakes: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(settings(picture_folder, pipeline="raises", json=tmp_path / "r")) == 2
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_mistakes_are_found_before_anything_is_measured(
    picture_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_text("not ours")
    with pytest.raises(DataError, match=r"old\.json"):
        command.run(settings(picture_folder, compare=tmp_path / "old.json"))
    with pytest.raises(DataError, match="cannot write"):
        command.run(settings(picture_folder, json=tmp_path / "no" / "new.json"))
    with pytest.raises(DataError, match="does not exist"):
        command.run(settings(tmp_path / "missing", pipeline="torchvision"))
    with pytest.raises(UnknownNameError, match="known: all"):
        command.run(settings(picture_folder, pipeline="dalli"))
    with pytest.raises(ValueError, match="--rounds"):
        command.run(settings(picture_folder, rounds=0))
    with pytest.raises(FasttricksError, match="--tf-python"):
        command.run(settings(picture_folder, tf_python=tmp_path / "python"))


def test_what_cannot_be_written_has_been_shown(
    picture_folder: Path,
    fakes: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any) -> None:
        raise DataError("cannot write: no space left")

    monkeypatch.setattr(command.report, "write", full)
    with pytest.raises(DataError, match="no space left"):
        command.run(settings(picture_folder, json=tmp_path / "r", rounds=1))
    assert any(line.split()[:2] == ["b", "1"] for line in capsys.readouterr().out.splitlines())


def test_an_unknown_name_is_told_before_pictures_are_made(monkeypatch):
    monkeypatch.setattr(command, "open_files", lambda config: pytest.fail("looked at pictures"))
    with pytest.raises(UnknownNameError, match="unknown pipeline 'dalli'"):
        command.run(BenchConfig(pipeline="roi,dalli"))


def test_a_reader_who_has_left_costs_no_measurement(
    picture_folder: Path, fakes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(command.table, "show", gone)
    with pytest.raises(BrokenPipeError):
        command.run(settings(picture_folder, json=tmp_path / "r", rounds=1))
    assert [json.loads(line)["row"] for line in (tmp_path / "r").open()] == ["a", "b"]
