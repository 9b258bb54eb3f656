from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fasttricks.pack import pack


@pytest.fixture(scope="session")
def picture_pack(picture_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of `picture_folder` in tar shards."""
    folder = tmp_path_factory.mktemp("packed") / "pack"
    pack(picture_folder, folder, workers=1)
    return folder


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[int]]]:
    """Marks all processes started in a test; gives a function that lists those still there."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv("FASTTRICKS_TEST_MARK", mark)
    yield lambda: _carrying(mark)
    assert gone(lambda: _carrying(mark)), "processes were left behind"


def gone(find: Callable[[], list[int]], within_s: float = 20.0) -> bool:
    """Whether a list of processes becomes empty in time; dying takes the kernel a moment."""
    deadline = time.monotonic() + within_s
    while found := find():
        if time.monotonic() > deadline:
            print("still there:", found)
            return False
        time.sleep(0.02)
    return True


def _carrying(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            ours = entry.name.isdecimal() and mark.encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if ours and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found
