"""Rows of special kinds: of packs, of variants, that index, cut, prepare, or read cold files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench import contender, measure, packs
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.measure import _does
from fasttricks.errors import DataError
from tests.bench.measuring import bench, fake


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

    monkeypatch.setattr(measure.pagecache, "resident", lambda paths: None)
    measurement, _ = bench(picture_folder, cold=True, rounds=1)
    (row,) = measurement.run([fake("a")])
    assert "not known whether cold" in row["notes"][0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "crop, jitter, normalise"),
        ({"work": "normalise"}, "crop, normalise"),
        ({"work": "decode"}, "crop"),
        ({"eval": True}, "centre, normalise"),
        ({"eval": True, "work": "decode"}, "centre"),
    ],
)
def test_what_a_peer_does_depends_on_what_is_measured(settings: dict[str, Any], words: str) -> None:
    assert _does(("crop", "centre", "jitter"), BenchConfig(**settings)) == words
    assert _does("the plan, whole", BenchConfig(**settings)) == "the plan, whole"
