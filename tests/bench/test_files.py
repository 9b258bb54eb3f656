from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fasttricks.bench.config import BenchConfig
from fasttricks.bench.files import LONG_EPOCH, PictureFiles, open_files
from fasttricks.data.folder import scan_folder
from fasttricks.errors import DataError


def opened(data: Path, **changes: Any) -> PictureFiles:
    return open_files(BenchConfig(**{"data": data, "batch_size": 1, **changes}))


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")


def test_class_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    touch(tmp_path / "d/a/1.jpg", tmp_path / "d/b/2.jpg")
    files = opened(tmp_path / "d")
    assert files.root == tmp_path / "d"
    assert [Path(path).name for path in files.paths] == ["1.jpg", "2.jpg"]


def test_the_split_that_is_measured_is_the_root(tmp_path: Path) -> None:
    touch(tmp_path / "d/train/a/1.jpg", tmp_path / "d/val/a/2.jpg")
    assert opened(tmp_path / "d").root == tmp_path / "d/train"
    assert opened(tmp_path / "d", eval=True).root == tmp_path / "d/val"


def test_a_pack_is_its_shards(picture_pack: Path) -> None:
    files = opened(picture_pack)
    assert files.is_pack
    assert files.count == 37
    names = [Path(path).name for path in files.paths]
    assert names == ["shard-000000.tar", "pack.index"]
    assert all(Path(path).is_file() for path in files.paths)


def test_the_key_follows_the_shards(picture_pack: Path, tmp_path: Path) -> None:
    first = opened(picture_pack).key
    assert opened(picture_pack).key == first
    shard = picture_pack / "shard-000000.tar"
    before = shard.stat()
    os.utime(shard, (2e9, 2e9))
    try:
        assert opened(picture_pack).key != first
    finally:
        os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_tars_without_an_index_are_told_what_to_do(tmp_path: Path) -> None:
    touch(tmp_path / "d/0.tar")
    with pytest.raises(DataError, match="fasttricks index"):
        opened(tmp_path / "d")


def test_a_flat_folder_becomes_one_class(tmp_path: Path) -> None:
    touch(tmp_path / "flat/1.jpg", tmp_path / "flat/2.png")
    for _ in range(2):  # the second time the link is there
        files = opened(tmp_path / "flat")
        samples = scan_folder(files.root)
        assert len(samples) == len(files.paths) == 2
        assert samples.classes == ["pictures"]
    assert files.label == str(tmp_path / "flat")
    assert sorted(os.listdir(tmp_path / "flat")) == ["1.jpg", "2.png"]


def test_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    touch(tmp_path / "flat/1.jpg", tmp_path / "flat/.ipynb_checkpoints/1-checkpoint.jpg")
    assert opened(tmp_path / "flat").count == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ([], "does not exist"),
        (["d/notes.txt"], "d holds no pictures"),
        (["d/a/1.jpg", "d/b/notes.txt"], "b holds no pictures"),
    ],
)
def test_unusable_folders(tmp_path: Path, make: list[str], message: str) -> None:
    touch(*(tmp_path / name for name in make))
    with pytest.raises(DataError, match=message):
        opened(tmp_path / "d")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    touch(tmp_path / "1.jpg")
    with pytest.raises(DataError, match="not a folder"):
        opened(tmp_path / "1.jpg")


def test_a_batch_larger_than_the_set(tmp_path: Path) -> None:
    touch(tmp_path / "d/a/1.jpg", tmp_path / "d/b/2.jpg")
    assert len(opened(tmp_path / "d", batch_size=2).paths) == 2
    with pytest.raises(DataError, match=r"a batch of 3 is larger than the data set \(2 pictures"):
        opened(tmp_path / "d", batch_size=3)


def test_small_sets_are_repeated_to_a_long_epoch(tmp_path: Path) -> None:
    def repeat(count: int) -> int:
        return PictureFiles(root=tmp_path, label="", count=count, paths=("x",)).repeat

    assert repeat(500) * 500 >= LONG_EPOCH
    assert repeat(LONG_EPOCH) == repeat(10 * LONG_EPOCH) == 1


def test_the_key_follows_the_files(tmp_path: Path) -> None:
    touch(tmp_path / "d/a/1.jpg")
    first = opened(tmp_path / "d").key
    assert opened(tmp_path / "d").key == first
    os.utime(tmp_path / "d/a/1.jpg", (2e9, 2e9))
    newer = opened(tmp_path / "d").key
    touch(tmp_path / "d/a/2.jpg")
    assert len({first, newer, opened(tmp_path / "d").key}) == 3


def test_the_key_notices_an_older_file_and_another_name(tmp_path: Path) -> None:
    paths = [tmp_path / "d/a/1.jpg", tmp_path / "d/a/2.jpg"]
    touch(*paths)
    os.utime(paths[0], (1e9, 1e9))
    keys = [opened(tmp_path / "d").key]
    os.utime(paths[0], (9e8, 9e8))  # replaced by an older one: the newest stays the newest
    keys.append(opened(tmp_path / "d").key)
    paths[0].write_bytes(b"a longer picture")
    os.utime(paths[0], (9e8, 9e8))
    keys.append(opened(tmp_path / "d").key)
    paths[0].rename(tmp_path / "d/a/0.jpg")
    keys.append(opened(tmp_path / "d").key)
    assert len(set(keys)) == 4


def test_the_key_does_not_depend_on_how_the_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "d/a/1.jpg")
    monkeypatch.chdir(tmp_path)
    assert opened(Path("d")).key == opened(tmp_path / "d").key
