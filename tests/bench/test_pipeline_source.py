from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fasttricks.bench import pipeline_source
from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Samples


class FakeLoader:
    """Two batches an epoch; remembers what it was asked."""

    def __init__(self, name: str, data: Any, **asked: Any) -> None:
        self.name, self.data, self.asked = name, data, asked
        self.epochs: list[int] = []
        self.closed = False
        self.compile_seconds = 1.5
        self.stages = lambda count: {"read": count}

    def set_epoch(self, epoch: int) -> None:
        self.epochs.append(epoch)

    def __iter__(self) -> Any:
        return iter([(torch.zeros(8, 3, 4, 4), None)] * 2)

    def __enter__(self) -> FakeLoader:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[FakeLoader]:
    loaders: list[FakeLoader] = []

    def make(*given: Any, **asked: Any) -> FakeLoader:
        loaders.append(FakeLoader(*given, **asked))
        return loaders[-1]

    monkeypatch.setattr(pipeline_source, "make_loader", make)
    return loaders


def settings(root: Path, **changes: Any) -> Any:
    given = {"name": "dali", "root": str(root), "repeat": 1, "batch_size": 8, "size": 4}
    given |= {"device": "cpu", "dtype": "float16", "threads": 3, "train": True, "work": "decode"}
    return {**given, "cold": False, "pack": "", **changes}


def test_epochs_follow_each_other_and_the_loader_is_closed(
    picture_folder: Path, made: list[FakeLoader]
) -> None:
    facts: Any = {}
    stream: Any = pipeline_source.batches(settings(picture_folder), facts)
    assert [len(next(stream)) for _ in range(5)] == [8] * 5
    assert made[0].epochs == [0, 1, 2]
    assert facts["compile_s"] == 1.5
    assert facts["stages"](3) == {"read": 3}
    stream.close()
    assert made[0].closed


def test_the_loader_gets_what_the_row_says(picture_folder: Path, made: list[FakeLoader]) -> None:
    next(pipeline_source.batches(settings(picture_folder), {}))
    loader = made[0]
    assert loader.name == "dali"
    assert isinstance(loader.data, Samples)
    assert loader.asked["num_threads"] == 3
    assert loader.asked["dtype"] == torch.float16
    assert loader.asked["work"] == "decode"


def test_packed_rows_read_their_pack(picture_folder: Path, made: list[FakeLoader]) -> None:
    packed = settings(picture_folder, name="ffcv:jpg", pack="/cache/x.beton")
    next(pipeline_source.batches(packed, {}))
    assert (made[0].name, made[0].data) == ("ffcv", "/cache/x.beton")


def test_small_sets_are_listed_several_times(picture_folder: Path) -> None:
    once = scan_folder(picture_folder)
    long = pipeline_source._long_epoch(settings(picture_folder, repeat=3))
    assert len(long) == 3 * len(once)
    assert long.name(len(once) + 2) == once.name(2)
    assert np.array_equal(long.targets, np.tile(once.targets, 3))
