from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from fasttricks.bench.seek import count_changed, freshen
from fasttricks.data.open import open_data
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index, index_path
from fasttricks.data.seek.file import SeekIndex
from fasttricks.errors import DataError
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.fetch import Fetcher


@pytest.fixture
def samples(picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Pictures of which the test may do what it likes, with a cache folder of their own."""
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    return open_data(shutil.copytree(picture_folder, tmp_path / "pictures"))


def touch(samples: Samples, *numbers: int) -> None:
    for number in numbers:
        os.utime(samples.name(number), ns=(1, 10**18 + number))


def opened(samples: Samples) -> SeekIndex:
    return SeekIndex.open(index_path(samples), samples)


def test_an_index_is_made_once(samples: Samples) -> None:
    said: list[str] = []
    freshen(samples, said.append)
    assert said == ["indexing 37 pictures, once"]
    assert len(opened(samples)) == 37
    freshen(samples, said.append)
    assert len(said) == 1


def test_a_stale_index_is_refreshed_with_its_own_tiles(samples: Samples) -> None:
    build_index(samples, tile_pixels=5000)
    touch(samples, 3, 8)
    assert count_changed(samples, opened(samples)) == 2
    said: list[str] = []
    freshen(samples, said.append)
    assert said == ["2 of 37 pictures have changed: indexing these again"]
    assert count_changed(samples, opened(samples)) == 0
    assert opened(samples).tile_pixels == 5000


def test_pictures_can_be_cut_again_after_it(samples: Samples) -> None:
    def stale() -> int:
        cutter, fetch = Cutter(samples), Fetcher(samples, "raise")
        found = [fetch(number) for number in range(37)]
        for one in found:
            cutter.cut(one, 0, 0, 8, 8)
        return cutter.counts(found)["stale"]

    freshen(samples, print)
    touch(samples, *range(37))
    assert stale() > 30
    freshen(samples, print)
    assert stale() == 0


def test_added_pictures_and_damaged_files_make_it_anew(samples: Samples, tmp_path: Path) -> None:
    freshen(samples, print)
    said: list[str] = []
    index_path(samples).write_bytes(b"no index")
    freshen(samples, said.append)
    assert said == ["indexing 37 pictures, once"]
    shutil.copy(samples.name(0), Path(samples.name(0)).with_name("one_more.JPEG"))
    more = open_data(tmp_path / "pictures")
    freshen(more, said.append)
    assert said[1:] == ["indexing 38 pictures, once"]


def test_pictures_that_cannot_be_read_do_not_count(samples: Samples) -> None:
    gone = Path(samples.name(5))
    data = gone.read_bytes()
    gone.unlink()
    freshen(samples, print)
    assert count_changed(samples, opened(samples)) == 0
    gone.write_bytes(data)
    assert count_changed(samples, opened(samples)) == 0
    Path(samples.name(6)).unlink()
    assert count_changed(samples, opened(samples)) == 1


def test_packs_are_not_changed_by_a_new_time(
    picture_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    folder = shutil.copytree(picture_pack, tmp_path / "pack")
    freshen(open_data(folder), print)
    for shard in folder.glob("*.tar"):
        os.utime(shard, ns=(1, 1))
    said: list[str] = []
    freshen(open_data(folder), said.append)
    assert said == []


def test_an_index_that_cannot_be_written_is_said(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match="cannot write the seek index"):
        freshen(samples, print)
