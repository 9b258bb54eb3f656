from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fasttricks.bench.child import Facts
from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.installed import NO_TURBOJPEG, find_turbojpeg
from tests.pictures import jpeg

if not find_turbojpeg():
    pytest.skip(NO_TURBOJPEG, allow_module_level=True)

from fasttricks.bench.peers import floor
from fasttricks.pipelines.decode.turbojpeg import decode


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("train", [True, False])
def test_batches_have_the_shape_of_others_and_are_all_decoded(
    picture_folder: Path, monkeypatch: pytest.MonkeyPatch, train: bool
) -> None:
    decoded: list[Any] = []
    original = floor.decode_rows

    def watched(counter: Any, rows: Any, streams: Any, good: Any, thread: Any) -> None:
        original(counter, rows, streams, good, thread)
        decoded.append((rows, good))

    monkeypatch.setattr(floor, "decode_rows", watched)
    settings: Any = {"root": str(picture_folder), "size": 48, "batch_size": 8, "threads": 2}
    facts: Facts = {}
    stream = floor.batches(settings | {"train": train, "work": "full"}, facts)
    for images in itertools.islice(stream, 6):
        assert images.shape == (8, 3, 48, 48)
        assert images.dtype == torch.uint8
    stream.close()
    assert facts["does"] == "libjpeg-turbo decodes the cuts and does nothing else"
    assert facts["ahead"] == floor.AHEAD + 1
    per_batch = {id(good): (rows, good) for rows, good in decoded[1:]}  # the first call is a check
    assert len(per_batch) == 6 + floor.AHEAD
    assert all(good.all() for _, good in per_batch.values())
    seen = np.concatenate([rows for rows, _ in per_batch.values()])
    assert set(seen) == set(range(37))


def test_streams_are_cuts_smaller_than_their_files(picture_folder: Path) -> None:
    samples = scan_folder(picture_folder)
    whole = sum(len(samples.read(index)) for index in range(len(samples)))
    block, places = floor.cut_streams(samples, size=48, train=True)
    assert len(places) == len(samples)
    assert len(block) < whole
    for start, size, height, width in places.tolist():
        assert decode(block[start : start + size], height, width).any()


def test_no_more_than_so_many_samples(
    picture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floor, "MOST", 5)
    assert len(floor.cut_streams(scan_folder(picture_folder), size=48, train=True).places) == 5


def test_what_does_not_decode_does_not_count() -> None:
    good = jpeg(40, 60)
    block = np.frombuffer(good + b"no picture" * 9, np.uint8)
    places = [(0, len(good), 40, 60), (len(good), 90, 40, 60)]
    streams = floor.Streams(block, np.array(places, floor.PLACE))
    assert floor.decodable(streams).places.tolist() == places[:1]
    with pytest.raises(DataError, match="decodes none"):
        floor.decodable(floor.Streams(block, streams.places[1:]))


def test_only_odd_pictures_are_nothing_to_decode() -> None:
    png = b"P6 2 2 255\n" + bytes(range(12))
    with pytest.raises(DataError, match="no picture"):
        floor.cut_streams(Samples([png]), size=8, train=True)
