"""TimmLoader against timm's own mixing, and timm's loop over it."""

import os

import numpy as np
import pytest
import torch

from fasttricks import (
    Augment,
    CutMix,
    Mixup,
    OneOf,
    RandomErasing,
    Samples,
    make_loader,
    mix,
    pipelines,
)
from fasttricks.integrations.timm import TimmLoader, timm_mix
from tests.integrations.conftest import CLASSES, SIZE
from tests.pictures import jpeg

COUNT, BATCH, K = 16, 8, 5


@pytest.fixture
def open_loader(pipeline):
    opened = []

    def open_(name=pipeline, **options):
        samples = Samples([jpeg(40, 40, seed=i) for i in range(COUNT)], np.arange(COUNT) % K)
        settings = {"batch_size": BATCH, "size": 16, "num_threads": 1, "mix_group": BATCH}
        opened.append(make_loader(name, samples, **settings, **options))
        return opened[-1]

    yield open_
    for loader in opened:
        loader.close()


def test_class_indices_where_nothing_is_mixed(open_loader):
    for erasing in None, RandomErasing():
        loader = TimmLoader(open_loader(mix=erasing), num_classes=K)
        assert not loader.mixup_enabled
        assert next(iter(loader))[1].dtype == torch.int64


def test_soft_targets_are_those_of_the_mix(open_loader):
    loader = open_loader(mix=CutMix())
    expected = [(images, targets.soft(K, smoothing=0.1)) for images, targets in loader]
    for epoch in 0, 0:
        timm_loader = TimmLoader(loader, num_classes=K, smoothing=0.1)
        timm_loader.sampler.set_epoch(epoch)
        for (images, targets), (same, soft) in zip(timm_loader, expected, strict=True):
            assert torch.equal(images, same)
            assert torch.equal(targets, soft)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, None),
        ({"mixup": 0.2}, OneOf(Mixup(0.2, per="batch"), per="batch")),
        ({"cutmix": 1.0, "prob": 0.5, "mode": "elem"}, OneOf(CutMix(1.0), probability=0.5)),
        (
            {"mixup": 0.2, "cutmix": 0.7, "switch_prob": 0.25},
            OneOf(
                Mixup(0.2, per="batch"), CutMix(0.7, per="batch"), weights=(0.75, 0.25), per="batch"
            ),
        ),
        (
            {"mixup": 0.2, "cutmix": 1.0, "switch_prob": 1.0, "mode": "elem"},
            OneOf(Mixup(0.2), CutMix(1.0), weights=(0, 1)),
        ),
        # Where only one is meant, timm does not ask which.
        ({"mixup": 0.2, "switch_prob": 1.0}, OneOf(Mixup(0.2, per="batch"), per="batch")),
    ],
    ids=str,
)
def test_flags_of_timm(flags, expected):
    assert timm_mix(**flags) == expected


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"mixup": -1}, "mixup must be a number >= 0; got -1"),
        ({"mixup": 0.2, "mode": "pair"}, "mode must be one of batch, elem; got 'pair'"),
        ({"mixup": 0.2, "switch_prob": 2}, r"switch_prob must be a number in \[0, 1\]; got 2"),
        ({"mixup": 0.2, "prob": 2}, r"timm_mix: prob must be a number in \[0, 1\]; got 2"),
        ({"mixup": "a"}, "timm_mix: mixup must be a number >= 0; got 'a'"),
        ({"cutmix": None}, "timm_mix: cutmix must be a number >= 0; got None"),
        ({"switch_prob": "a"}, "timm_mix: switch_prob must be a number .* got 'a'"),
    ],
)
def test_flags_out_of_range(flags, words):
    with pytest.raises(ValueError, match=words):
        timm_mix(**flags)


@pytest.mark.parametrize("size", [160, 224, 240, 256, 288, 384, 448])
def test_the_documented_crop_ratio_resizes_as_timm(size):
    for percent in (0.875, 0.9, 0.94, 0.95, 0.965, 1.0):
        timms = int(size / percent)  # timm/data/transforms_factory.py: math.floor
        for ratio, resized in ((size / timms, timms), (percent, -(-size // percent))):
            assert Augment(crop_ratio=ratio).resize(size) == resized


@pytest.mark.parametrize("mode", ["batch", "elem"])
def test_as_often_as_timm(mode):
    """What share of pictures is mixed, and how many of those by CutMix, over many batches."""
    mixup = pytest.importorskip("timm.data.mixup", reason="timm is not installed")
    flags = {"prob": 0.8, "switch_prob": 0.3, "mode": mode}
    theirs = mixup.Mixup(
        mixup_alpha=5.0, cutmix_alpha=5.0, num_classes=8, label_smoothing=0, **flags
    )
    ours = timm_mix(mixup=5.0, cutmix=5.0, **flags)
    np.random.seed(0)
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(8)
    images = labels[:, None, None, None].expand(8, 3, 8, 8).float().contiguous()
    mixed, cut = torch.zeros(2), torch.zeros(2)
    for _ in range(250):
        pictures, targets = mix(images, labels, ours, generator)
        timms, soft = theirs(images.clone(), labels)
        for number, (these, shares) in enumerate([(pictures, targets.soft(8)), (timms, soft)]):
            two = shares.max(1).values < 0.999  # of ours one in eight has itself as partner
            mixed[number] += two.float().mean() / 250
            cut[number] += (two & (these.flatten(1).std(1) > 1e-6)).float().mean() / 250
    mixed[0] *= 8 / 7
    cut[0] *= 8 / 7
    # One draw for each batch: the mean of 250 is off by sqrt(0.24 / 250) = 0.03 at most.
    for share, expected in ((mixed, 0.8), (cut, 0.24)):
        assert (share - expected).abs().max() < 4 * 0.03


def test_switched_off_as_timm_does_it(open_loader):
    """Unmixed pictures of the same epoch, targets still soft and as timm makes them."""
    mixup = pytest.importorskip("timm.data.mixup", reason="timm is not installed")
    plain = open_loader(mix=RandomErasing())
    loader = TimmLoader(
        open_loader(mix=(Mixup(0.2), RandomErasing())), num_classes=K, smoothing=0.1
    )
    mixed = [images for images, _ in loader]

    loader.mixup_enabled = False
    loader.sampler.set_epoch(1)
    plain.set_epoch(1)
    for (images, targets), (same, labels) in zip(loader, plain, strict=True):
        assert torch.equal(images, same)
        theirs = mixup.mixup_target(labels, K, lam=1.0, smoothing=0.1)
        torch.testing.assert_close(targets, theirs)

    loader.mixup_enabled = True
    loader.sampler.set_epoch(0)
    assert all(torch.equal(a, b) for (a, _), b in zip(loader, mixed, strict=True))
    assert loader.loader.stats["samples"] == 3 * COUNT
    loader.close()


def test_switching_keeps_epoch_and_seed(open_loader):
    loader = TimmLoader(open_loader(mix=Mixup(0.2), seed=9), num_classes=K)
    loader.set_epoch(4)
    before = loader.state_dict()
    loader.mixup_enabled = False
    assert loader.state_dict() == before
    loader.close()


def test_switching_does_not_decode_again(open_loader, tmp_path, monkeypatch):
    """The shared pictures of `resident` are removed with the last loader that uses them."""
    if not pipelines()["resident"].available:
        pytest.skip(pipelines()["resident"].reason)
    monkeypatch.setenv("FASTTRICKS_SHM", str(tmp_path))
    loader = TimmLoader(open_loader("resident", mix=Mixup(0.2)), num_classes=K)
    [block] = tmp_path.rglob("*.pixels")
    with block.open("rb") as kept:  # so that its inode is not given out again
        loader.mixup_enabled = False
        assert os.path.samestat(os.fstat(kept.fileno()), block.stat())
    assert len(list(loader)) == COUNT // BATCH
    loader.close()


def test_mixing_needs_the_number_of_classes(open_loader):
    with pytest.raises(ValueError, match="give num_classes"):
        TimmLoader(open_loader(mix=Mixup(0.2)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_classes": 0}, "num_classes must be an integer >= 1; got 0"),
        ({"num_classes": "3"}, "num_classes must be an integer >= 1; got '3'"),
        ({"num_classes": K, "smoothing": 2}, r"smoothing must be a number in \[0, 1\); got 2"),
        ({"num_classes": K, "smoothing": "a"}, "smoothing must be a number .* got 'a'"),
    ],
)
@pytest.mark.parametrize("how", [None, Mixup(0.2)], ids=str)
def test_settings_out_of_range(open_loader, how, settings, words):
    with pytest.raises(ValueError, match=f"TimmLoader: {words}"):
        TimmLoader(open_loader(mix=how), **settings)


@pytest.mark.parametrize("how", [None, RandomErasing()], ids=str)
def test_class_indices_cannot_be_smoothed(open_loader, how):
    with pytest.raises(ValueError, match=r"class indices.*leave out smoothing=0\.1 and give it to"):
        TimmLoader(open_loader(mix=how), num_classes=K, smoothing=0.1)


@pytest.mark.parametrize(
    "wrong", [None, torch.utils.data.DataLoader([1, 2])], ids=["nothing", "DataLoader"]
)
def test_what_is_no_loader_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^TimmLoader: give what fasttricks\.make_loader gives"):
        TimmLoader(wrong, num_classes=K)


def test_it_has_what_a_prefetch_loader_has(open_loader):
    """Every public attribute of the real one, found on it, is on ours."""
    timm_loader = pytest.importorskip("timm.data.loader", reason="timm is not installed")
    theirs = {name for name in vars(timm_loader.PrefetchLoader) if not name.startswith("_")}
    assert {"sampler", "dataset", "mixup_enabled"} <= theirs
    assert not [name for name in theirs if not hasattr(TimmLoader(open_loader()), name)]


def test_the_example(example, data, pipeline):
    loop = example("timm_loop", "timm")
    history = loop.main(
        data,
        pipeline,
        model="test_resnet",
        num_classes=CLASSES,
        epochs=2,
        batch_size=8,
        size=SIZE,
        lr=0.01,
        mixup_off_epoch=1,
    )
    assert len(history) == 2
    assert all(np.isfinite(loss) and 0 <= top1 <= 100 for loss, top1 in history)
