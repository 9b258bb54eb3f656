from __future__ import annotations

from pathlib import Path

import pytest

from fasttricks.bench.scripts.pictures import CLASSES, lay_out
from fasttricks.errors import DataError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("fasttricks.bench.scripts.pictures.cache_dir", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_pictures_are_dealt_to_classes_again_and_again(picture_folder: Path) -> None:
    paths = sorted(map(str, picture_folder.glob("*/*")))
    root = lay_out(paths, "key", 50)
    links = sorted((root / "train").glob("*/*"))
    assert len(links) == 50
    assert {link.resolve() for link in links} == {Path(path).resolve() for path in paths}
    assert len(list((root / "train").iterdir())) == len(list((root / "val").iterdir())) == CLASSES
    assert len(list((root / "val").glob("*/*"))) == CLASSES
    assert lay_out(paths, "key", 50) == root
    assert lay_out(paths, "key", 40) != root


def test_all_loaders_see_the_same_pictures(picture_folder: Path) -> None:
    from torchvision.datasets import ImageFolder

    from fasttricks.data.open import open_data

    root = lay_out(sorted(map(str, picture_folder.glob("*/*"))), "key", 24)
    ours = open_data(root, train=True)
    theirs = ImageFolder(str(root / "train"))
    assert [(ours.name(i), int(ours.targets[i])) for i in range(24)] == theirs.samples


def test_kinds_that_scripts_do_not_read_are_left_out(tmp_path: Path) -> None:
    for name in ("a.webp", "b.jpg"):
        (tmp_path / name).touch()
    paths = [str(tmp_path / name) for name in ("a.webp", "b.jpg")]
    links = (lay_out(paths, "some", 10) / "train").glob("*/*")
    assert {link.resolve().name for link in links} == {"b.jpg"}
    with pytest.raises(DataError, match=r"kind that all can read: \.jpeg, \.jpg, \.png"):
        lay_out(paths[:1], "none", 10)


def test_a_folder_that_cannot_be_written(cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(DataError, match="cannot write"):
        lay_out(["/p.jpg"], "key", 10)
