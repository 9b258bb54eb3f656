"""What there is on disk, opened for any pipeline."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import fasttricks
from fasttricks.errors import DataError
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack
from tests.pictures import jpeg


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of class folders, and a `.beton` of it."""
    root = tmp_path_factory.mktemp("data")
    for number in range(4):
        path = root / "files" / f"class_{number % 2}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(40 + number, 50, seed=number))
    return root / "files", pack(root / "files", root / "x.beton", progress=False).path


def test_a_folder_or_a_beton_of_it(packed: tuple[Path, Path]) -> None:
    folder, beton = (fasttricks.open_data(path) for path in packed)
    assert isinstance(beton, Beton)
    assert [folder.read(i) for i in range(4)] == [beton.read(i) for i in range(4)]
    assert (folder.targets.tolist(), folder.classes) == (beton.targets.tolist(), beton.classes)


@pytest.mark.parametrize("name", ["torchvision", "roi", "resident", "dali"])
def test_every_pipeline_reads_a_beton(packed: tuple[Path, Path], name: str) -> None:
    if not (state := fasttricks.pipelines()[name]).available:
        pytest.skip(state.reason)
    batches = []
    for path in packed:
        settings: dict[str, Any] = {"batch_size": 4, "size": 24, "num_threads": 1}
        with fasttricks.make_loader(name, path, work="decode", **settings) as loader:
            batches.append(next(iter(loader)))
    for folder, beton in zip(*batches, strict=True):
        assert isinstance(folder, torch.Tensor)
        assert isinstance(beton, torch.Tensor)
        assert torch.equal(folder, beton)


def test_a_folder_may_be_called_so(packed: tuple[Path, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(packed[0], tmp_path / "files.beton")
    assert len(fasttricks.open_data(folder)) == 4


@pytest.mark.parametrize(
    ("path", "told"),
    [("none.beton", "does not exist; make one"), ("none", "does not exist$"), ("", "empty path")],
)
def test_what_is_not_there(tmp_path: Path, path: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        fasttricks.open_data(path and tmp_path / path)
