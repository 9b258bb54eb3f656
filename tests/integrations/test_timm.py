"""TimmLoader against timm's own mixing, and timm's loop over it."""

import os

import numpy as np
import pytest
import torch

from fasttricks import CutMix, Mixup, RandomErasing, Samples, make_loader, pipelines
from fasttricks.integrations.timm import TimmLoader
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
    for mix in None, RandomErasing():
        loader = TimmLoader(open_loader(mix=mix), num_classes=K)
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
