from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench.child import Settings
from fasttricks.bench.config import BenchConfig
from fasttricks.bench.contender import Contender
from fasttricks.bench.files import open_files
from fasttricks.bench.peers import index
from fasttricks.bench.process import Guard
from fasttricks.bench.rows import plan_rows
from fasttricks.data.folder import scan_folder
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex


def settings(root: Path, **changes: Any) -> Settings:
    given = {"name": "index", "root": str(root), "repeat": 1, "batch_size": 8, "size": 32}
    given |= {"device": "cpu", "dtype": "float32", "threads": 2, "train": True, "work": "full"}
    return {**given, "cold": False, "pack": "", **changes}  # type: ignore[return-value]


def one_pass(root: Path, **changes: Any) -> tuple[list[Any], dict[str, Any]]:
    """The records of one pass over 37 pictures, and what is said after it."""
    facts: Any = {}
    seen: list[Any] = []
    stream: Any = index.batches(settings(root, **changes), facts)
    while len(seen) < 37:
        seen += list(next(stream))
    stream.close()
    return seen, facts


def test_the_records_are_those_of_the_index(picture_folder: Path, tmp_path: Path) -> None:
    samples = scan_folder(picture_folder)
    path = build_index(samples, tmp_path / "x.seek", workers=1)
    built = SeekIndex.open(path, samples).records
    seen, facts = one_pass(picture_folder)
    assert len(seen) == len(samples) == 37
    for field in ("size", "mtime_ns", "kind", "count", "frame"):
        assert [record[field] for record in seen] == [record[field] for record in built]
    total = int(built["size"].sum())
    assert facts["jpeg_mb_per_image"] == pytest.approx(total / 37 / 1e6)
    # All but the header, the schema and what aligns the sections.
    written = path.stat().st_size
    assert written - 4096 < facts["index_share"] * total < written


def test_a_pack_is_indexed_alike(picture_folder: Path, picture_pack: Path) -> None:
    files, _ = one_pass(picture_folder)
    packed, _ = one_pass(picture_pack)
    assert [record["count"] for record in packed] == [record["count"] for record in files]


def test_it_goes_on_for_ever_and_ends_at_once(picture_folder: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    stream: Any = index.batches(settings(picture_folder, repeat=5, threads=3), {})
    taken = sum(len(part) for part in itertools.islice(stream, 100))
    assert taken > 37
    stream.close()
    assert {thread.name for thread in threading.enumerate()} <= before


def test_through_its_process(
    picture_folder: Path, marked: Callable[[], list[int]], tmp_path: Path
) -> None:
    config = BenchConfig(
        data=picture_folder, pipeline="", peers="index", batch_size=8, size=32, threads="1"
    )
    files = open_files(config)
    ((row,), _) = plan_rows(config, files)
    with Guard() as guard:
        contender = Contender(row, settings(picture_folder, threads=1), 0.0, guard)
        try:
            contender.start()
            timed = contender.round(0.05, limit=0)
        finally:
            contender.close()
    assert timed.images > 0
    assert contender.facts["index_share"] > 0
