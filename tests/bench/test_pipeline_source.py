from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fasttricks.bench import pipeline_source
from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Samples
from fasttricks.data.tar_pack import TarPack
from fasttricks.kernels.mix.kinds import Mixup


class FakeLoader:
    """Two batches an epoch; remembers what it was asked."""

    def __init__(self, name: str, data: Any, **asked: Any) -> None:
        self.name, self.data, self.asked = name, data, asked
        self.epochs: list[int] = []
        self.closed = False
        self.compile_seconds, self.bytes, self.decoder = 1.5, 0, ""
        self.stats = Counter(samples=8)
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


def test_a_variant_is_its_pipeline_with_other_options(
    picture_folder: Path, made: list[FakeLoader]
) -> None:
    next(pipeline_source.batches(settings(picture_folder), {}))
    assert "cut" not in made[0].asked
    next(pipeline_source.batches(settings(picture_folder, name="dali:whole"), {}))
    assert (made[1].name, made[1].asked["cut"]) == ("dali", False)


def test_a_variant_says_what_is_other(picture_folder: Path, made: list[FakeLoader]) -> None:
    said: list[Any] = [{}, {}]
    for name, facts in zip(("dali", "dali:whole"), said, strict=True):
        next(pipeline_source.batches(settings(picture_folder, name=name), facts))
    plain, whole = (facts["does"] for facts in said)
    assert (plain, whole) == ("the plan, whole", "the plan, whole, uncut files decoded")


def test_mixing_needs_groups_that_fill_the_batch(
    picture_folder: Path, made: list[FakeLoader]
) -> None:
    for batch_size in (64, 40):
        row = settings(picture_folder, name="dali:mixup", batch_size=batch_size)
        next(pipeline_source.batches(row, {}))
    assert [loader.asked.get("mix_group") for loader in made] == [None, 40]
    assert made[0].asked["mix"] == Mixup(0.2)


def test_what_could_not_be_cut_and_what_is_kept_is_told(
    picture_folder: Path, made: list[FakeLoader]
) -> None:
    facts: Any = {}
    stream: Any = pipeline_source.batches(settings(picture_folder), facts)
    next(stream)
    assert facts["uncut"] == {"stale": 0, "damaged": 0}
    assert (facts["kept_mb"], facts["open_s"] >= 0) == (0.0, True)
    made[0].stats.update(stale=3, samples=8)
    next(stream)
    assert facts["uncut"] == {"stale": 3, "damaged": 0}
    assert facts["samples"] == 16


def test_the_decoder_is_named_where_it_depends_on_the_machine(
    picture_folder: Path, made: list[FakeLoader], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain: Any = {}
    next(pipeline_source.batches(settings(picture_folder), plain))
    assert "versions" not in plain
    make = pipeline_source.make_loader

    def with_decoder(*given: Any, **asked: Any) -> Any:
        loader: Any = make(*given, **asked)
        loader.decoder = "simplejpeg 1"
        return loader

    monkeypatch.setattr(pipeline_source, "make_loader", with_decoder)
    named: Any = {}
    next(pipeline_source.batches(settings(picture_folder, name="roi"), named))
    assert named["versions"] == {"JPEG decoder of roi": "simplejpeg 1"}


def test_ffcv_gets_tar_shards_by_their_folder(picture_pack: Path, made: list[FakeLoader]) -> None:
    next(pipeline_source.batches(settings(picture_pack, name="ffcv:mixup", repeat=2), {}))
    assert (made[0].name, made[0].data) == ("ffcv", str(picture_pack))


def test_tar_shards_are_opened(picture_pack: Path, made: list[FakeLoader]) -> None:
    next(pipeline_source.batches(settings(picture_pack, repeat=2), {}))
    assert len(made[0].data) == 2 * 37
    assert isinstance(made[0].data.base, TarPack)


def test_small_sets_are_listed_several_times(picture_folder: Path) -> None:
    once = scan_folder(picture_folder)
    long = pipeline_source._data(settings(picture_folder, repeat=3))
    assert isinstance(long, Samples)
    assert len(long) == 3 * len(once)
    assert long.name(len(once) + 2) == once.name(2)
    assert np.array_equal(long.targets, np.tile(once.targets, 3))
