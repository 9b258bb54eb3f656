"""What the resident pipeline does beyond the contract: decoded once, shared, given back."""

import os

import numpy as np
import pytest
import torch

import fasttricks
from fasttricks import Augment, Samples
from fasttricks.errors import BadSampleError, DataError
from fasttricks.kernels.mix.kinds import CutMix, Cutout, Mixup, OneOf
from fasttricks.kernels.policy import RandAugment
from fasttricks.pipelines.resident import loader as resident
from fasttricks.pipelines.resident import pictures as resident_pictures
from tests.pictures import encode, jpeg, smooth_picture
from tests.pipelines.agreement import assert_same, collect


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_SHM", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"train": False, "drop_last": False},
        {"work": "decode", "views": 3},
        {"train": False, "work": "decode"},
        {"dtype": torch.bfloat16, "work": "normalise"},
        {"augment": Augment(color="reference", policy=RandAugment())},
        {"mix": (Mixup(0.4), Cutout(16)), "mix_group": 8, "dtype": torch.float16},
        {"mix": Mixup(0.4, pairing="two-batches"), "mix_group": 4, "views": 2},
        {"mix": OneOf(Mixup(), CutMix(), probability=0.7), "mix_group": 8, "drop_last": False},
    ],
)
def test_the_pixels_are_rois_bit_for_bit(options, pictures, open_loader):
    with (
        open_loader("resident", pictures, num_threads=2, **options) as resident,
        open_loader("roi", pictures, num_threads=2, **options) as roi,
    ):
        for _ in range(2):
            for (here, ours), (there, theirs) in zip(resident, roi, strict=True):
                assert torch.equal(here, there)
                for left, right in zip(_parts(ours), _parts(theirs), strict=True):
                    assert torch.equal(left, right)


def test_it_does_not_matter_how_many_steps_are_drawn_together(pictures, open_loader, monkeypatch):
    options = {"mix": OneOf(Mixup(), CutMix()), "mix_group": 4, "batch_size": 4, "drop_last": False}
    epochs = []
    for drawn in (4096, 8, 1):
        monkeypatch.setattr(resident, "DRAWN", drawn)
        with open_loader("resident", pictures, **options) as loader:
            epochs.append([(images.clone(), targets) for images, targets in loader])
    assert len(epochs[0]) == -(-len(pictures) // 4)
    for other in epochs[1:]:
        for (images, targets), (same, also) in zip(epochs[0], other, strict=True):
            assert torch.equal(images, same)
            assert all(map(torch.equal, targets, also))


def _parts(targets):
    return [targets] if isinstance(targets, torch.Tensor) else list(targets)


def test_loaders_share_the_pictures_and_the_last_one_removes_them(pictures, open_loader, home):
    with open_loader("resident", pictures) as train:
        with open_loader("resident", pictures, train=False) as evaluation:
            assert len(list(home.glob("*/*"))) == 1
            assert evaluation.bytes == train.bytes
        collect(train)
        assert len(list(home.glob("*/*"))) == 1
    assert list(home.iterdir()) == []
    with pytest.raises(RuntimeError, match="closed"):
        next(iter(train))


def test_a_loader_that_is_dropped_removes_them_too(pictures, open_loader, home):
    loader = open_loader("resident", pictures)
    next(iter(loader))
    assert len(list(home.glob("*/*"))) == 1
    del loader
    assert list(home.iterdir()) == []


def test_a_set_that_does_not_fit_is_refused(pictures, open_loader, home, monkeypatch):
    monkeypatch.setattr("fasttricks.pipelines.resident.store._free", lambda _: 100_000)
    pixels = sum(3 * np.prod(jpeg_size(pictures, i)) for i in range(len(pictures)))
    with pytest.raises(DataError) as error:
        open_loader("resident", pictures)
    needed = float(str(error.value).split("need ")[1].split(" GB")[0])
    assert needed == pytest.approx(pixels / 1e9, abs=0.0006)
    assert list(home.iterdir()) == []


def jpeg_size(pictures, index):
    return resident_pictures.decode_rgb(pictures.read(index)).shape[:2]


def test_repeats_are_decoded_once(pictures, open_loader):
    """A sample of a repeated set is the picture of the set, but has a plan of its own."""
    with (
        open_loader("resident", pictures) as once,
        open_loader("resident", pictures.repeat(3)) as thrice,
        open_loader("roi", pictures.repeat(3)) as roi,
    ):
        assert thrice.bytes == once.bytes
        assert_same(collect(thrice), collect(roi))


def test_bad_ones_of_a_repeated_set(open_loader):
    samples = Samples([jpeg(30, 30), b"", jpeg(40, 30), b""], [0, 1, 2, 3]).repeat(2)
    options = {"batch_size": 3, "on_error": "replace", "train": False, "work": "decode"}
    with (
        open_loader("resident", samples, **options) as ours,
        open_loader("roi", samples, **options) as roi,
    ):
        for _ in range(2):
            assert_same(collect(ours), collect(roi))
        # By several threads, roi lists what one batch replaced in any order.
        assert sorted(ours.errors, key=repr) == sorted(roi.errors, key=repr)
        assert len(ours.errors) == 8
        assert ours.stats == roi.stats


def test_batches_before_a_bad_one_are_given(open_loader):
    samples = Samples([*[jpeg(30, 30, seed=i) for i in range(7)], b"bad", jpeg(20, 20)])
    with open_loader("resident", samples, batch_size=2, train=False) as loader:
        for _ in range(2):  # it is met again in every epoch
            seen = []
            with pytest.raises(BadSampleError, match="sample 7"):
                seen.extend(images for images, _ in loader)
            assert len(seen) == 3


def test_a_change_is_noticed_by_the_next_loader_only(tmp_path, open_loader):
    path = tmp_path / "a.png"
    path.write_bytes(encode(smooth_picture(30, 30, 1), "PNG"))
    samples, options = Samples([path]), {"batch_size": 1, "train": False, "work": "decode"}
    with open_loader("resident", samples, **options) as first:
        before = collect(first)
        path.write_bytes(encode(smooth_picture(30, 30, 2), "PNG"))
        os.utime(path, ns=(1, 1))
        assert_same(collect(first), before)
        with open_loader("resident", samples, **options) as second:
            assert not torch.equal(collect(second)[0][0], before[0][0])


def test_packs_and_betons_work_as_samples_do(pictures, open_loader, tmp_path):
    from fasttricks.pipelines.beton.file import Beton
    from fasttricks.pipelines.beton.pack import pack

    with open_loader("resident", pictures) as loader:
        expected = collect(loader)
    pack(pictures, tmp_path / "source.beton", workers=1, progress=False)
    pack(pictures, tmp_path / "raw.beton", mode="raw", workers=1, progress=False)
    for name in ("source", "raw"):
        with open_loader("resident", Beton(tmp_path / f"{name}.beton")) as loader:
            assert_same(collect(loader), expected)


def test_stages_are_measured(pictures, open_loader):
    with open_loader("resident", pictures) as loader:
        stages = loader.stages(10)
    assert list(stages) == ["resize", "finish"]
    assert all(milliseconds > 0 for milliseconds in stages.values())
    with open_loader("resident", pictures, work="decode") as loader:
        assert list(loader.stages(3)) == ["resize"]


def test_memory_is_used_again(pictures, open_loader):
    """A caller that keeps nothing sees the memory of no more than four batches."""
    with open_loader("resident", pictures.repeat(10), num_threads=2) as loader:
        places = {images.data_ptr() for images, _ in loader}
    assert len(places) <= 4


def test_it_is_listed():
    assert fasttricks.pipelines()["resident"].available
