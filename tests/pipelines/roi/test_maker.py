"""Mixed pictures of roi: finished while they are made, or later, they are the same."""

import numpy as np
import pytest
import torch

from fasttricks import RICAP, CutMix, Cutout, Mixup, Samples, make_loader
from fasttricks.pipelines.decode.decoder import find_decoder
from fasttricks.pipelines.groups import Group
from fasttricks.pipelines.roi.maker import Maker
from tests.pictures import encode, jpeg
from tests.pipelines.agreement import damaged_jpeg
from tests.pipelines.conftest import require


@pytest.fixture(autouse=True)
def made_at_once():
    """libturbojpeg, which alone can finish pictures while it makes them."""
    require("roi")
    if not find_decoder().name.startswith("libturbojpeg"):
        pytest.skip("libturbojpeg is not here")


@pytest.fixture
def noted(monkeypatch):
    """(whether a group was finished while it was made, how many samples it has), for each try."""
    calls, real = [], Maker._make_mixed

    def note(self, thread, chunk, group):
        calls.append((real(self, thread, chunk, group), group.samples.stop - group.samples.start))
        return calls[-1][0]

    monkeypatch.setattr(Maker, "_make_mixed", note)
    return calls


def batches(samples, mix, **options):
    options = {"batch_size": 40, "size": 33, "seed": 4, "train": True, "num_threads": 2} | options
    with make_loader("roi", samples, mix=mix, drop_last=False, **options) as loader:
        found = [(images.clone(), targets) for images, targets in loader]
        return torch.cat([images for images, _ in found]), loader.stats


def later(monkeypatch):
    """All pictures of a group are made, and then they are finished."""
    monkeypatch.setattr(Maker, "_make_mixed", lambda *_: False)


@pytest.fixture(scope="module")
def samples():
    sides = np.random.default_rng(2).integers(40, 90, (70, 2)).tolist()
    files = [jpeg(*side, seed=i) for i, side in enumerate(sides)]
    files[5] = encode(np.full((50, 40, 3), (9, 80, 200), np.uint8), "PNG")  # decoded by PIL
    return Samples(files, np.arange(len(files)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("mix", [Mixup(0.4), RICAP(), CutMix(), Mixup(pairing="halves")], ids=str)
def test_pictures_are_finished_while_they_are_made(samples, mix, views, dtype, noted, monkeypatch):
    options = {"views": views, "dtype": dtype, "mix_group": 20}
    images, stats = batches(samples, mix, **options)
    assert (True, 20) in noted
    later(monkeypatch)
    same, as_before = batches(samples, mix, **options)
    assert torch.equal(images, same)
    assert stats == as_before


@pytest.mark.parametrize("mix", [Mixup(), Mixup(pairing="two-batches"), Cutout(8)], ids=str)
def test_so_it_goes_with_many_threads_and_large_pictures(samples, mix, noted, monkeypatch):
    monkeypatch.setattr("fasttricks.pipelines.roi.schedule.PIECE_BYTES", 2000)  # a picture or two
    monkeypatch.setattr(Group, "mix", None)  # would fail
    batches(samples, mix, batch_size=64, mix_group=32, num_threads=16)
    assert noted
    assert all(done for done, _ in noted)


def test_of_a_group_in_several_pieces_none_is_finished_early(samples, noted, monkeypatch):
    options = {"batch_size": 70, "mix_group": 70}
    images, _ = batches(samples, Mixup(), num_threads=4, **options)
    assert noted
    assert not any(done for done, _ in noted)
    later(monkeypatch)
    assert torch.equal(images, batches(samples, Mixup(), num_threads=1, **options)[0])


def test_a_group_with_a_picture_that_needs_repair_is_finished_later(noted, monkeypatch):
    files = [jpeg(60, 50, seed=i) for i in range(40)]
    files[7] = damaged_jpeg(find_decoder().decode)
    rotten = Samples(files, np.arange(len(files)))
    images, stats = batches(rotten, Mixup(), mix_group=20)
    assert sorted(noted) == [(False, 20), (True, 20)]
    later(monkeypatch)
    same, as_before = batches(rotten, Mixup(), mix_group=20)
    assert torch.equal(images, same)
    assert stats == as_before


def test_no_memory_for_a_whole_group_is_taken(samples, noted, monkeypatch):
    monkeypatch.setattr(Group, "pixels", None)  # would fail
    batches(samples, Mixup(), mix_group=20, batch_size=20, num_threads=1)
    assert [size for done, size in noted if done] == [20, 20, 20, 10]
