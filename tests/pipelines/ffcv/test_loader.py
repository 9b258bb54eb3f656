"""The ffcv pipeline: what FFCV adds to the contract that all pipelines share (test_contract.py)."""

import gc
import os
import shutil
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import torch
from numba.core import event

from fasttricks import Samples, pipelines
from fasttricks.data.seek.build import build_index
from fasttricks.kernels.jit import NOTICE
from fasttricks.pipelines.beton.file import MODES, STORED_SOURCE, Beton
from fasttricks.pipelines.beton.pack import pack
from tests.pictures import jpeg
from tests.pipelines.agreement import assert_same, collect
from tests.pipelines.ffcv.loaders import SIZE, digest, epoch_threads, errors_of, open_loader

if not pipelines()["ffcv"].available:
    pytest.skip(pipelines()["ffcv"].reason, allow_module_level=True)

from fasttricks.pipelines.ffcv.cuts import CUT, STALE


@pytest.fixture(scope="module")
def packs(picture_folder, tmp_path_factory):
    """The same folder in every mode."""
    folder = tmp_path_factory.mktemp("packs")
    bounds = {"source": {}, "jpg": {"max_side": 150}, "raw": {"max_size": 101}}
    for mode in MODES:
        pack(picture_folder, folder / f"{mode}.beton", mode=mode, progress=False, **bounds[mode])
    return {mode: folder / f"{mode}.beton" for mode in MODES}


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_references_pixels(mode, train, packs):
    with open_loader(packs[mode], train=train, drop_last=False) as loader:
        assert loader.dataset.mode == mode
        errors = errors_of(loader)
    assert len(errors) == 37
    assert np.abs(errors).max() <= 1 + 1e-3
    assert np.abs(errors).mean() <= 0.30
    assert abs(errors.mean()) < 0.02


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("mode", ["source", "jpg"])
def test_cutting_changes_no_bit(mode, train, packs):
    options = {
        "train": train,
        "views": 2,
        "drop_last": False,
        "size": lambda epoch: 57 - 20 * epoch,
    }
    with (
        open_loader(packs[mode], **options) as cut,
        open_loader(packs[mode], cut=False, **options) as whole,
    ):
        for _ in range(2):
            assert_same(collect(cut), collect(whole))
        assert whole._now.cuts is None
        progressive = 6 if mode == "source" else 0
        assert (cut._now.cuts.known == CUT).sum() == len(cut.dataset) - progressive


def test_real_pictures_odd_ones_too(shared, tmp_path):
    """What cannot be cut, or not even decoded by libturbojpeg, goes its old way."""
    folder, path = shared("odd-jpegs"), tmp_path / "odd.beton"
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in (".jpg", ".jpeg", ".png"))
    pack(Samples(files), path, progress=False)
    for train in (True, False):
        options = {"train": train, "drop_last": False, "on_error": "replace"}
        with open_loader(path, **options) as cut, open_loader(path, cut=False, **options) as whole:
            assert_same(collect(cut), collect(whole))
            assert (cut.stats, cut.errors) == (whole.stats, whole.errors)
            assert len(set(cut._now.cuts.known)) > 1  # some were cut and some were not


def test_an_index_of_another_pack_is_not_believed(packs, tmp_path, monkeypatch, capsys):
    """Same names and number of pictures, other bytes."""
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path))
    where = Beton(packs["source"]).seek_index
    shutil.copy(build_index(Beton(packs["jpg"])), where)  # which made the folder
    with (
        open_loader(packs["source"], drop_last=False) as cut,
        open_loader(packs["source"], drop_last=False, cut=False) as whole,
    ):
        assert_same(collect(cut), collect(whole))
        assert cut.stats["stale"] == np.count_nonzero(cut._now.cuts.known == STALE) > 30
    assert "has changed since it was indexed" in capsys.readouterr().err


def test_views_in_a_short_last_batch(packs):
    with open_loader(packs["jpg"], views=3, drop_last=False) as loader:
        errors = errors_of(loader)
    assert len(errors) == 3 * 37
    assert np.abs(errors).max() <= 1 + 1e-3


def test_nothing_is_compiled_twice(packs):
    """Neither a new epoch nor a new size nor a short batch compiles anything anywhere in numba."""
    options = {"size": lambda epoch: SIZE - 12 * epoch, "drop_last": False, "num_threads": 2}
    with open_loader(packs["source"], **options) as loader:
        assert loader.compile_seconds == 0.0
        first = [images for images, _ in loader]
        seconds = loader.compile_seconds
        assert seconds > 0
        with event.install_recorder("numba:compile") as recorder:
            assert np.abs(errors_of(loader, epoch=1)).max() <= 1 + 1e-3
            assert np.abs(errors_of(loader, epoch=3)).max() <= 1 + 1e-3
            loader.set_epoch(0)
            again = [images for images, _ in loader]
        assert recorder.buffer == []
        assert loader.compile_seconds == seconds
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        with event.install_recorder("numba:compile") as recorder:  # it does record
            with open_loader(packs["source"]) as other:
                next(iter(other))
            assert recorder.buffer != []


def test_leaving_early_ends_ffcvs_thread(packs):
    before = threading.active_count()
    with open_loader(packs["jpg"], batch_size=2) as loader:
        for _ in loader:
            assert len(epoch_threads()) == 1
            break
        gc.collect()
        assert epoch_threads() == []
        iterator = iter(loader)
        next(iterator)
        iter(loader)  # a second iteration ends the first
        assert epoch_threads() == []
        with pytest.raises(RuntimeError, match="another iteration"):
            next(iterator)
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="closed"):
        next(iter(loader))


def test_an_error_in_the_thread_is_raised(packs, monkeypatch):
    from fasttricks.pipelines.ffcv.ops import Finish

    with open_loader(packs["raw"], work="full") as loader:
        next(iter(loader))
        monkeypatch.setattr(Finish, "_finished", lambda *_: 1 / 0)
        steps = iter(loader)
        with pytest.raises(ZeroDivisionError):
            next(steps)
        assert epoch_threads() == []


def test_two_loaders_in_turn(packs):
    """Training and validation in one process, both working ahead at the same time."""
    with (
        open_loader(packs["source"], num_threads=2) as train,
        open_loader(packs["raw"], train=False, batch_size=5, num_threads=1) as val,
    ):
        alone = [images.clone() for images, _ in train], [images.clone() for images, _ in val]
        for _ in range(5):
            train.set_epoch(0)
            val.set_epoch(0)
            for (a, _), (b, _), x, y in zip(train, val, *alone, strict=False):
                assert torch.equal(a, x)
                assert torch.equal(b, y)


def test_what_is_the_callers_stays(packs):
    """FFCV sets torch's thread count and draws from numpy's generator."""
    torch.set_num_threads(3)
    np.random.seed(5)
    try:
        with open_loader(packs["raw"], num_threads=1) as loader:
            for _ in loader:
                assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 3
        assert np.random.rand() == pytest.approx(0.2219931710897395, abs=1e-12)
    finally:
        torch.set_num_threads(os.cpu_count() or 1)


def test_threads_change_nothing(packs):
    """Really 1, 2 and 4 threads, on numba's simplest thread layer, which forgives nothing.

    Nor does the process come to grief when it ends while pictures are being decoded.
    """
    script = f"""
        import sys
        sys.path[:0] = {sys.path!r}
        from tests.pipelines.ffcv.loaders import digest, open_loader
        from tests.pipelines.ffcv.test_loader import test_two_loaders_in_turn
        packs = { ({mode: str(path) for mode, path in packs.items()})!r}
        print(*(digest(packs["source"], threads) for threads in (1, 2, 4)))
        test_two_loaders_in_turn(packs)
        left_open = iter(open_loader(packs["source"], batch_size=2, num_threads=4))
        next(left_open)
    """
    layer = {"NUMBA_NUM_THREADS": "4", "NUMBA_THREADING_LAYER": "workqueue"}
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", textwrap.dedent(script)],
        env={**os.environ, **layer},
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(run.stderr.splitlines()) <= {NOTICE}  # not even FFCV's complaint at exit
    assert run.returncode == 0
    assert set(run.stdout.split()) == {digest(packs["source"], 1)}


def test_more_threads_than_numba_has_is_said(packs):
    with pytest.warns(UserWarning, match="set NUMBA_NUM_THREADS"):
        open_loader(packs["raw"], num_threads=1000).close()


def test_soft_targets(tmp_path):
    soft = np.random.default_rng(0).random((5, 7), np.float32)
    path = pack(Samples([jpeg(20, 20)] * 5, soft), tmp_path / "x", progress=False).path
    with open_loader(path, train=False, batch_size=2) as loader:
        given = torch.cat([targets for _, targets in loader])
    assert given.dtype == torch.float32
    assert np.array_equal(given, soft)


@pytest.mark.parametrize("mode", MODES)
def test_the_file_is_one_of_ffcvs(mode, packs):
    """FFCV's own reader agrees about every number in it."""
    from ffcv.reader import Reader

    from fasttricks.pipelines.ffcv.fields import OurField

    class Image(OurField):
        @staticmethod
        def from_binary(_):
            return OurField(STORED_SOURCE)

    beton = Beton(packs[mode])
    reader = Reader(str(packs[mode]), {"image": Image} if mode == "source" else {})
    assert reader.num_samples == len(beton)
    assert reader.field_names == ["image", "label"]
    assert reader.metadata.dtype == beton.stored.base.dtype
    assert (reader.metadata["f0"] == beton.stored).all()
    assert (reader.metadata["f1"] == beton.targets).all()
    assert (reader.alloc_table["size"] == beton.sizes).all()
    assert (reader.alloc_table["ptr"] == beton.stored["data_ptr"]).all()


def test_ffcv_alone_reads_reencoded_packs(packs):
    """In a process of its own: FFCV changes numba's types, which breaks compiled functions."""
    script = f"""
        from ffcv.loader import Loader
        from ffcv.fields.rgb_image import CenterCropRGBImageDecoder
        for path in {[str(packs["jpg"]), str(packs["raw"])]!r}:
            image = [CenterCropRGBImageDecoder((32, 32), 1.0)]
            loader = Loader(path, 37, num_workers=1, pipelines={{"image": image}})
            ((images, labels),) = loader
            print(images.shape, labels.flatten().tolist(), images.std() > 20)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    targets = Beton(packs["jpg"]).targets.tolist()
    assert run.stdout == f"(37, 32, 32, 3) {targets} True\n" * 2, run.stderr


def test_stages(packs):
    with open_loader(packs["source"], work="full") as loader:
        stages = loader.stages(10)
    assert list(stages)[:2] == ["read", "decode"]
    assert set(stages) >= {"resize", "finish"}
    assert all(milliseconds > 0 for milliseconds in stages.values())


@pytest.mark.gpu
@pytest.mark.parametrize("work", ["decode", "full"])
def test_the_gpu_gets_the_same(work, packs):
    options = {"work": work, "drop_last": False, "views": 2}
    with (
        open_loader(packs["source"], **options) as host,
        open_loader(packs["source"], device="cuda", **options) as device,
    ):
        for (a, x), (b, y) in zip(host, device, strict=True):
            assert b.is_cuda
            assert b.is_contiguous(memory_format=torch.channels_last)
            torch.testing.assert_close(b.cpu(), a, rtol=1e-5, atol=1e-4)
            assert torch.equal(x, y.cpu())
