from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from fasttricks.bench import pagecache


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Three files on disk whose pages can be dropped; skips where the disk is memory."""
    paths = [str(tmp_path / name) for name in "abc"]
    for path in paths:
        Path(path).write_bytes(os.urandom(50_000))
    os.sync()
    pagecache.drop(paths)
    if pagecache.resident(paths) != 0:
        pytest.skip(f"{tmp_path} is on a file system that keeps its files in memory")
    return paths


def test_what_is_read_is_resident_until_dropped(files: list[str]) -> None:
    Path(files[0]).read_bytes()
    assert pagecache.resident(files) == pytest.approx(1 / 3)
    Path(files[1]).read_bytes()
    assert pagecache.resident(files) == pytest.approx(2 / 3)
    pagecache.drop(files)
    assert pagecache.resident(files) == 0


def test_a_part_of_the_files_stands_for_all(files: list[str]) -> None:
    Path(files[0]).read_bytes()
    assert pagecache.resident(files, at_most=1) == 1
    assert pagecache.resident(files, at_most=2) == 0.5


def test_mapped_pages_stay(files: list[str]) -> None:
    with open(files[0], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        assert sum(view[:: mmap.PAGESIZE]) >= 0
        pagecache.drop(files[:1])
        assert pagecache.resident(files[:1]) == 1


def test_nothing_is_resident_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert pagecache.resident([str(tmp_path / "empty")]) is None
    assert pagecache.resident([]) is None


def test_what_is_not_told_is_not_taken_for_resident(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagecache, "_is_told", lambda descriptor: False)
    assert pagecache.resident(files) is None
