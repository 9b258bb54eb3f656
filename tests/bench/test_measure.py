"""A measurement as a whole: rows in turn, rows that fail, an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import measure, report, table
from fasttricks.bench.contender import Contender
from fasttricks.bench.guard import members, stat
from tests.bench.measuring import FAKE, bench, fake

ISSUE_KEYS = (
    *("row", "device", "batch_size", "size", "work", "images_per_s", "p20", "p80"),
    *("images_per_s_per_core", "cpu_s_per_1000", "peak_rss_mb", "ratio", "stages", "machine"),
    *("versions", "date", "commit"),
)


def test_rows_take_turns_and_report_everything(
    picture_folder: Path, marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[tuple[str, int, list[str]]] = []
    original = Contender.round

    def watched(self: Contender, seconds: float, limit: int) -> Any:
        timed = original(self, seconds, limit)
        stopped = [stat(folder)[0] for folder in members({self._group.id})]
        turns.append((self.row.label, len(self.measured.rounds), stopped))
        return timed

    monkeypatch.setattr(Contender, "round", watched)
    measurement, notes = bench(picture_folder)
    results = measurement.run([fake("a"), fake("nests"), fake("a", threads=2)])

    assert [turn[:2] for turn in turns] == [
        (label, number)
        for number in (1, 2, 3)
        for label in ("a x1", "nests x1", "a x2")[:: 1 if number % 2 else -1]
    ]
    assert all(set(states) == {"T"} for _, _, states in turns)
    assert [len(states) for _, _, states in turns[:3]] == [1, 2, 1]
    assert notes.lines == []
    assert notes.steps == notes.expected
    assert measurement.failed == 0
    assert [(row["row"], row["threads"]) for row in results] == [("a", 1), ("nests", 1), ("a", 2)]
    for row in results:
        assert set(ISSUE_KEYS) <= row.keys()
        assert row["p20"] <= row["images_per_s"] <= row["p80"]
        assert row["images_per_s_per_core"] == pytest.approx(
            row["images_per_s"] / row["threads"], abs=0.01
        )
        assert row["latency_p50_ms"] <= row["latency_p99_ms"]
        assert row["peak_rss_mb"] > 1
        assert row["first_batch_s"] > 0
        assert row["stages"] == {"decode": measure.PROFILED}
        assert row["versions"]["fake"] == "1.2"
        assert row["dtype"] == "uint8"
        assert len(row["rates"]) == 3
    assert results[0]["ratio"] == 1.0


def test_results_survive_the_file_and_the_table(
    picture_folder: Path, marked: Callable[[], list[int]], tmp_path: Path
) -> None:
    measurement, _ = bench(picture_folder)
    results = measurement.run([fake("a")])
    report.write(tmp_path / "r.json", results)
    assert report.read(tmp_path / "r.json") == results
    assert table.cells(results[0])[:2] == ["a", "1"]


@pytest.mark.parametrize(
    ("name", "reason", "last_words"),
    [
        ("dies", "dies x1 failed: it ended with exit code 7", ["    the last thing it said"]),
        ("raises", "raises x1 failed: ValueError: no such luck (fake_row.py:", []),
        ("misshapes", "misshapes x1 failed: its batches have the shape [1, 2]", []),
    ],
)
def test_a_row_that_fails_is_one_line_and_the_others_go_on(
    picture_folder: Path,
    marked: Callable[[], list[int]],
    name: str,
    reason: str,
    last_words: list[str],
) -> None:
    measurement, notes = bench(picture_folder)
    results = measurement.run([fake(name), fake("a")])
    assert measurement.failed == 1
    assert notes.lines[0].startswith(reason)
    assert notes.lines[1:][-1:] == last_words
    assert [(row["row"], row["ratio"]) for row in results] == [("a", 1.0)]


def test_a_row_that_fails_in_the_pass_for_stages_keeps_its_rounds(
    picture_folder: Path, marked: Callable[[], list[int]]
) -> None:
    measurement, notes = bench(picture_folder)
    results = measurement.run([fake("unstaged"), fake("a")])
    assert measurement.failed == 0
    assert [(row["row"], len(row["rates"])) for row in results] == [("unstaged", 3), ("a", 3)]
    assert [row["stages"] for row in results] == [{}, {"decode": measure.PROFILED}]
    assert len(notes.lines) == 1
    assert notes.lines[0].startswith("unstaged x1 failed: KeyError")
    assert notes.lines[0].endswith("its rounds are kept)")


def test_nothing_is_left_when_all_fail(
    picture_folder: Path, marked: Callable[[], list[int]]
) -> None:
    measurement, notes = bench(picture_folder)
    assert measurement.run([fake("a", source="no.such.module"), fake("raises")]) == []
    assert measurement.failed == 2
    assert "No module named 'no'" in notes.lines[0]


def test_a_row_without_an_interpreter(
    picture_folder: Path, marked: Callable[[], list[int]]
) -> None:
    measurement, notes = bench(picture_folder)
    results = measurement.run([fake("a", python="/no/such/python"), fake("b")])
    assert [row["row"] for row in results] == ["b"]
    assert notes.lines == ["a x1 failed: cannot start /no/such/python: No such file or directory"]


@pytest.mark.parametrize("moment", ["stalls x1: starting", "nests x1: round 1"])
def test_ctrl_c_leaves_no_processes(
    picture_folder: Path, marked: Callable[[], list[int]], moment: str
) -> None:
    name = moment.partition(" ")[0]
    code = f"""
from fasttricks.bench.measure import Measurement
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.files import open_files
from fasttricks.bench.rows import Row
class Teller:
    def expect(self, steps): pass
    def note(self, text): print(text, flush=True)
    def doing(self, text): print(text, flush=True)
    def step(self): pass
config = BenchConfig(data={str(picture_folder)!r}, batch_size=8, size=32, seconds=30, warmup=0)
rows = [Row(name=name, threads=1, source={FAKE!r}) for name in ("a", {name!r})]
Measurement(config, open_files(config), Teller()).run(rows)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    awaited = moment if "starting" in moment else "a x1: round 1"
    for line in process.stdout:
        if line.startswith(awaited):
            break
    assert len(marked()) >= 3  # bench, guard and at least one row
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    # `marked` checks that nothing is left.
