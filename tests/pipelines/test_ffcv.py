"""The ffcv pipeline: what FFCV adds to the contract that all pipelines share (test_contract.py)."""

import gc
import hashlib
import io
import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import torch
from numba.core import event

from fasttricks import Samples, make_loader, pipelines
from fasttricks.data import scan_folder
from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import BadSampleError, DataError
from fasttricks.kernels import reference
from fasttricks.kernels.plan import plan_batch
from fasttricks.pipelines.beton import pack
from fasttricks.pipelines.beton_file import MODES, Beton
from fasttricks.pipelines.turbojpeg import decode
from tests.pictures import encode, jpeg, smooth_picture

if not pipelines()["ffcv"].available:
    pytest.skip(pipelines()["ffcv"].reason, allow_module_level=True)

SIZE = 57  # odd, and no multiple of any vector width


@pytest.fixture(scope="module")
def packs(picture_folder, tmp_path_factory):
    """The same folder in every mode."""
    folder = tmp_path_factory.mktemp("packs")
    bounds = {"source": {}, "jpg": {"max_side": 150}, "raw": {"max_size": 101}}
    for mode in MODES:
        pack(picture_folder, folder / f"{mode}.beton", mode=mode, progress=False, **bounds[mode])
    return {mode: folder / f"{mode}.beton" for mode in MODES}


def open_loader(path, **options):
    options = {"batch_size": 8, "size": SIZE, "seed": 11, "work": "decode", **options}
    return make_loader("ffcv", path, **options)


def expected(loader, index, epoch=0, view=0):
    """Float64 [size, size, 3], not rounded, from PIL's decode of the stored bytes."""
    pixels = decode_rgb(loader.dataset.read(index))
    o, (height, width, _) = loader.options, pixels.shape
    plans, _ = plan_batch(o.seed, epoch, [index], [view], [height], [width], o.params_at(epoch))
    top, left, height, width, *grid, grid_top, grid_left, flip = (int(n) for n in plans[0].item())
    size = o.size_at(epoch)
    box = pixels[top : top + height, left : left + width]
    window = grid_top, grid_left, size, size
    picture = reference.resize(box, tuple(grid), window, edge=loader.edge)
    return picture[:, ::-1] if flip else picture


def errors_of(loader, epoch=0):
    """Distances from the reference, [N, size, size, 3], of a whole epoch."""
    loader.set_epoch(epoch)
    errors = []
    for step, (images, targets) in enumerate(loader):
        count = len(images) // loader.options.views
        for row, index in enumerate(np.tile(loader.indices(epoch, step), loader.options.views)):
            assert targets[row] == loader.dataset.targets[index]
            want = expected(loader, int(index), epoch, row // count)
            errors.append(images[row].permute(1, 2, 0).numpy() - want)
    return np.stack(errors)


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


def epoch_threads():
    return [t for t in threading.enumerate() if type(t).__name__ == "EpochThread"]


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
        with pytest.raises(StopIteration):
            next(iterator)
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="closed"):
        next(iter(loader))


def test_an_error_in_the_thread_is_raised(packs, monkeypatch):
    from fasttricks.pipelines.ffcv_ops import Finish

    with open_loader(packs["raw"], work="full") as loader:
        next(iter(loader))
        monkeypatch.setattr(Finish, "_color", lambda *_: 1 / 0)
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


def digest(path, threads):
    images = io.BytesIO()
    with open_loader(path, num_threads=threads, work="full", drop_last=False) as loader:
        for batch, _ in loader:
            images.write(batch.numpy().tobytes())
    return hashlib.sha256(images.getvalue()).hexdigest()


def test_threads_change_nothing(packs):
    """Really 1, 2 and 4 threads, on numba's simplest thread layer, which forgives nothing.

    Nor does the process come to grief when it ends while pictures are being decoded.
    """
    script = f"""
        import sys
        sys.path[:0] = {sys.path!r}
        from tests.pipelines.test_ffcv import digest, open_loader, test_two_loaders_in_turn
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
    assert run.stderr == ""  # not even FFCV's complaint at exit
    assert run.returncode == 0
    assert set(run.stdout.split()) == {digest(packs["source"], 1)}


def test_more_threads_than_numba_has_is_said(packs):
    with pytest.warns(UserWarning, match="set NUMBA_NUM_THREADS"):
        open_loader(packs["raw"], num_threads=10_000).close()


@pytest.fixture
def rotten(tmp_path):
    """A pack of six, of which picture 3 rots after packing. Batches of 2: its is the second."""
    samples = Samples([jpeg(50 + i, 60, seed=i) for i in range(6)], np.arange(6))
    path = pack(samples, tmp_path / "x.beton", progress=False).path
    beton = Beton(path)
    with open(path, "r+b") as file:
        file.seek(int(beton.stored["data_ptr"][3]))
        file.write(bytes(int(beton.sizes[3])))
    return path


def test_what_no_decoder_can_decode_is_named(rotten):
    with open_loader(rotten, train=False, batch_size=2) as loader:
        for _ in range(2):
            steps = iter(loader)
            assert next(steps)[1].tolist() == [0, 1]
            with pytest.raises(BadSampleError, match=r"sample 3 \(sample 3\): ") as error:
                next(steps)
            assert error.value.index == 3
            assert epoch_threads() == []
            loader.set_epoch(1)
            loader.set_epoch(0)


def test_what_no_decoder_can_decode_is_replaced(rotten):
    with open_loader(rotten, train=False, batch_size=2, views=2, on_error="replace") as loader:
        for epoch in range(2):  # found while decoding, then known
            shown = []
            for images, targets in loader:
                shown += targets[:2].tolist()
                for row, (image, index) in enumerate(zip(images, targets, strict=True)):
                    want = expected(loader, int(index), epoch, row // 2)
                    assert np.abs(image.permute(1, 2, 0).numpy() - want).max() <= 1 + 1e-3
            assert shown == [0, 1, 2, 4, 4, 5]
        assert [(e.epoch, e.index, e.replacement) for e in loader.errors] == [(0, 3, 4), (1, 3, 4)]
        assert loader.stats["replaced"] == 2


def test_damage_that_pil_accepts_gives_pils_pixels(tmp_path):
    """libjpeg warns of wrong codes in the scan and goes on; so does PIL, without a word."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(jpeg(60, 80, seed=4))
        for place in rng.integers(len(data) * 2 // 3, len(data) - 20, 3):
            data[place] = rng.integers(0, 255)
        try:
            pixels = decode_rgb(bytes(data))
        except DataError:
            continue
        try:
            decode(bytes(data), 60, 80)
        except DataError:
            break
    else:
        pytest.fail("found no damage of this kind")
    path = pack(Samples([bytes(data)] * 2), tmp_path / "x.beton", progress=False).path
    assert not Beton(path).bad
    with open_loader(path, batch_size=2) as loader:
        assert np.abs(errors_of(loader)).max() <= 1 + 1e-3
        assert loader.stats["odd"] == 2
    assert np.array_equal(pixels, decode_rgb(Beton(path).read(0)))


@pytest.mark.parametrize("mode", ["jpg", "raw"])
def test_bad_files_in_reencoded_packs(mode, tmp_path):
    """Replaced as from the files themselves, and no longer odd."""
    files = [jpeg(60, 70), b"no picture", encode(smooth_picture(50, 60, 2), "PNG"), jpeg(40, 41)]
    path = pack(Samples(files, np.arange(4)), tmp_path / "x", mode=mode, progress=False).path
    with open_loader(path, train=False, batch_size=4, on_error="replace") as loader:
        ((images, targets),) = loader
        assert targets.tolist() == [0, 2, 2, 3]
        for image, index in zip(images, targets, strict=True):
            error = image.permute(1, 2, 0).numpy() - expected(loader, int(index))
            assert np.abs(error).max() <= 1 + 1e-3
        assert [(e.index, e.replacement) for e in loader.errors] == [(1, 2)]
        assert "PIL does not recognise it" in loader.errors[0].cause
        assert loader.stats["odd"] == 0


def test_soft_targets(tmp_path):
    soft = np.random.default_rng(0).random((5, 7), np.float32)
    path = pack(Samples([jpeg(20, 20)] * 5, soft), tmp_path / "x", progress=False).path
    with open_loader(path, train=False, batch_size=2) as loader:
        given = torch.cat([targets for _, targets in loader])
    assert given.dtype == torch.float32
    assert np.array_equal(given, soft)


def test_what_it_cannot_open(packs, picture_folder, tmp_path):
    for data in (picture_folder, scan_folder(picture_folder), tmp_path / "nowhere.beton"):
        with pytest.raises(DataError, match=r"fasttricks pack SRC DST\.beton"):
            open_loader(data)
    short = tmp_path / "short.beton"
    short.write_bytes(packs["source"].read_bytes()[:-1000])
    with pytest.raises(DataError, match="is cut short"):
        open_loader(short)


@pytest.mark.parametrize("mode", MODES)
def test_the_file_is_one_of_ffcvs(mode, packs):
    """FFCV's own reader agrees about every number in it."""
    from ffcv.reader import Reader

    from fasttricks.pipelines.ffcv_fields import our_fields

    beton = Beton(packs[mode])
    reader = Reader(str(packs[mode]), our_fields(beton))
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
    assert list(stages) == ["read", "decode", "resize", "finish"]
    assert all(0 < milliseconds < 100 for milliseconds in stages.values())


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
