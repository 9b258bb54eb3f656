from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import contender, measure, packs, report, table
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.contender import Contender
from fasttricks.bench.files import open_files
from fasttricks.bench.measure import Measurement
from fasttricks.bench.rows import Row
from fasttricks.errors import DataError

FAKE = str(Path(__file__).with_name("fake_row.py"))
ISSUE_KEYS = (
    *("row", "device", "batch_size", "size", "work", "images_per_s", "p20", "p80"),
    *("images_per_s_per_core", "cpu_s_per_1000", "peak_rss_mb", "ratio", "stages", "machine"),
    *("versions", "date", "commit"),
)


class Notes:
    """Stands for the teller."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps = self.expected = 0

    def expect(self, steps: int) -> None:
        self.expected = steps

    def note(self, text: str) -> None:
        self.lines.append(text)

    def doing(self, text: str) -> None:
        assert text

    def step(self) -> None:
        self.steps += 1


def fake(name: str, threads: int = 1, **changes: Any) -> Row:
    return Row(**{"name": name, "threads": threads, "source": FAKE, **changes})


def bench(picture_folder: Path, **changes: Any) -> tuple[Measurement, Notes]:
    given = {"seconds": 0.05, "rounds": 3, "warmup": 0.0, "batch_size": 8, "size": 32}
    config = BenchConfig(**{**given, "data": picture_folder, **changes})
    notes = Notes()
    return Measurement(config, open_files(config), notes), notes  # type: ignore[arg-type]


def test_rows_take_turns_and_report_everything(
    picture_folder: Path, marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[tuple[str, int, list[str]]] = []
    original = Contender.round

    def watched(self: Contender, seconds: float, limit: int) -> Any:
        timed = original(self, seconds, limit)
        stopped = [state for state, _ in self._group._members()]
        turns.append((self.row.label, len(self.measured.rounds), stopped))
        return timed

    monkeypatch.setattr(Contender, "round", watched)
    measurement, notes = bench(picture_folder)
    results = measurement.run([fake("a"), fake("nests"), fake("a", threads=2)])

    assert [turn[:2] for turn in turns] == [
        (label, number) for number in (1, 2, 3) for label in ("a x1", "nests x1", "a x2")
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


def test_a_pack_that_cannot_be_made_fails_its_rows_only(
    picture_folder: Path, marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(kind: str, *_: Any) -> Path:
        raise DataError(f"no room for {kind}")

    monkeypatch.setattr(measure, "make_pack", broken)
    measurement, notes = bench(picture_folder)
    results = measurement.run([fake("packed", pack="jpg"), fake("a")])
    assert [row["row"] for row in results] == ["a"]
    assert notes.lines == ["packed x1 failed: no room for jpg"]


def test_rows_of_a_pack_say_so(
    picture_folder: Path,
    marked: Callable[[], list[int]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(measure, "make_pack", lambda kind, *_: tmp_path / kind)
    measurement, _ = bench(picture_folder)
    source, jpg = measurement.run([fake("s", pack="source"), fake("j", pack="jpg")])
    assert (source["pack"], jpg["pack"]) == (packs.PACKS["source"], packs.PACKS["jpg"])


def test_rows_with_other_pixels_say_so(
    picture_folder: Path, marked: Callable[[], list[int]]
) -> None:
    measurement, _ = bench(picture_folder)
    plain, other = measurement.run([fake("a"), fake("b", pixels="half size")])
    assert (plain["pixels"], other["pixels"]) == ("", "half size")


def test_a_row_that_indexes_reports_bytes(
    picture_folder: Path, marked: Callable[[], list[int]]
) -> None:
    measurement, notes = bench(picture_folder)
    plain, row = measurement.run([fake("a"), fake("indexes", threads=2, batches=False)])
    assert notes.lines == []
    assert "index_share" not in plain
    assert (plain["batches"], row["batches"]) == (True, False)
    assert row["jpeg_mb_per_s"] == pytest.approx(0.11 * row["images_per_s"], rel=1e-3)
    assert row["jpeg_mb_per_s_per_core"] == pytest.approx(row["jpeg_mb_per_s"] / 2, rel=1e-3)
    assert row["index_share"] == 0.02


def test_variants_are_held_against_their_own_pipeline(
    picture_folder: Path, marked: Callable[[], list[int]]
) -> None:
    measurement, _ = bench(picture_folder)
    rows = [fake("a"), fake("b:c"), fake("b"), fake("a:c"), fake("a:c", threads=2)]
    first, other, _, variant, alone = measurement.run(rows)
    assert (first["own"], alone["own"]) == ({}, {})
    assert (variant["own"]["row"], other["own"]["row"]) == ("a", "b")
    own = variant["own"]
    assert own["ratio"] == variant["ratio"]  # the first row is its pipeline
    assert own["p20"] <= own["ratio"] <= own["p80"]


def test_pictures_that_were_not_cut_are_counted(
    picture_folder: Path, marked: Callable[[], list[int]]
) -> None:
    measurement, _ = bench(picture_folder, rounds=1)
    plain, stale = measurement.run([fake("a"), fake("stale")])
    assert plain["uncut"] == {}
    assert stale["uncut"] == {"stale": 7, "damaged": 1, "samples": 80}


def test_shared_memory_is_told_apart(picture_folder: Path, marked: Callable[[], list[int]]) -> None:
    measurement, _ = bench(picture_folder, rounds=1)
    plain, keeps = measurement.run([fake("a"), fake("keeps", prepares=True)])
    assert plain["peak_shared_mb"] < 1
    assert keeps["peak_shared_mb"] == pytest.approx(24, abs=1)
    assert keeps["peak_rss_mb"] > plain["peak_rss_mb"] + 20
    assert (plain["kept_mb"], plain["decode_s"]) == (0.0, 0.0)
    assert (keeps["kept_mb"], keeps["decode_s"]) == (24.0, 2.5)


def test_decoding_everything_first_may_take_long(
    picture_folder: Path, marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    original = contender.Group.receive

    def receive(self: contender.Group, timeout_s: float) -> str | None:
        waited.append(timeout_s)
        return original(self, timeout_s)

    monkeypatch.setattr(contender.Group, "receive", receive)
    measurement, _ = bench(picture_folder, rounds=1)
    measurement.run([fake("a"), fake("b", prepares=True)])
    usual, long = contender.PATIENCE_S, contender.PREPARING_S
    assert long > 10 * usual
    # Each says "first" and "ready" when it starts; then come "begin", "round" and "stages".
    assert waited == [usual, usual, long, usual] + 2 * [usual, usual] + 2 * [usual]


def test_rows_that_cut_get_a_fresh_index_first(
    picture_folder: Path, marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    measurement, _ = bench(picture_folder, rounds=1)
    monkeypatch.setattr(measure, "freshen", lambda samples, say: asked.append(len(samples)))
    measurement.run([fake("a"), fake("b", cuts=True), fake("c", cuts=True)])
    assert asked == [37]
    measurement.run([fake("a")])
    assert asked == [37]


def test_an_index_that_cannot_be_made_fails_rows_that_cut(
    picture_folder: Path, marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise DataError("no room for the index")

    monkeypatch.setattr(measure, "freshen", broken)
    measurement, notes = bench(picture_folder, rounds=1)
    results = measurement.run([fake("a", cuts=True), fake("b")])
    assert [row["row"] for row in results] == ["b"]
    assert notes.lines == ["a x1 failed: no room for the index"]
    assert measurement.failed == 1


def test_the_shards_of_a_pack_are_counted_and_dropped(
    picture_pack: Path, marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[list[str]] = []
    monkeypatch.setattr(measure.pagecache, "drop", lambda paths: dropped.append(list(paths)))
    measurement, _ = bench(picture_pack, cold=True, rounds=1)
    (row,) = measurement.run([fake("a")])
    assert (row["files"], row["shards"]) == (37, 1)
    assert [Path(path).name for path in dropped[0]] == ["shard-000000.tar", "pack.index"]


def test_cold_rounds_are_one_pass_and_say_what_stayed(
    picture_folder: Path, marked: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[int] = []
    monkeypatch.setattr(measure.pagecache, "drop", lambda paths: dropped.append(len(paths)))
    monkeypatch.setattr(measure.pagecache, "resident", lambda paths: 0.0)
    measurement, _ = bench(picture_folder, cold=True, seconds=60.0)
    (row,) = measurement.run([fake("a")])
    assert row["cold"]
    assert dropped == [37, 37, 37]
    assert "dropped from the page cache" in row["notes"][0]

    monkeypatch.setattr(measure.pagecache, "resident", lambda paths: 0.4)
    measurement, _ = bench(picture_folder, cold=True, rounds=1)
    (row,) = measurement.run([fake("a")])
    assert "not cold: 40% of what it reads stayed" in row["notes"][0]


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
