"""What only the DALI loader has: its queues, what it does when DALI fails, and DALI on the GPU.

What it shares with the other pipelines is in test_contract.py, its graph in test_graph.py.
"""

import gc
import threading
import time
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from fasttricks.data import Samples, scan_folder
from fasttricks.data.probe import Kind, probe_and_decode
from fasttricks.errors import BadSampleError
from fasttricks.kernels.finish import finish
from fasttricks.pipelines import fetch
from fasttricks.pipelines.options import Options
from tests.pictures import encode, jpeg, smooth_picture
from tests.pipelines.test_contract import expected_picture, plan_of

pytest.importorskip("nvidia.dali", reason="needs fasttricks[dali]")

from fasttricks.pipelines.dali.graph import GraphError
from fasttricks.pipelines.dali.loader import DaliLoader


def open_dali(samples, **options):
    defaults = {"batch_size": 4, "size": 33, "num_threads": 2, "seed": 7, "work": "decode"}
    return DaliLoader(samples, Options(**{**defaults, "drop_last": False, **options}))


def epochs(loader, count=1):
    return [images.clone() for _ in range(count) for images, _ in loader]


def same(left, right):
    return all(torch.equal(x, y) for x, y in zip(left, right, strict=True))


def is_sample(image, loader, samples, index, view=0):
    want = expected_picture(loader, samples, 0, int(index), view)
    return np.abs(image.permute(1, 2, 0).numpy() - want).max() <= 1 + 1e-3


def until_failure(loader):
    """The pictures up to a bad sample, and its error."""
    got = []
    try:
        for images, _ in loader:
            got.append(images)
    except BadSampleError as failure:
        return got, failure
    raise AssertionError("no sample was bad")


@pytest.fixture(scope="module")
def pictures(picture_folder):
    return scan_folder(picture_folder)


@pytest.mark.parametrize("train", [True, False])
def test_odd_pictures_enter_as_their_region(train):
    cmyk = Image.fromarray(smooth_picture(70, 80, 5, channels=4), "CMYK")
    png = encode(smooth_picture(120, 50, 2), "PNG")
    samples = Samples([png, jpeg(60, 70), encode(cmyk, quality=90)])
    with open_dali(samples, train=train, batch_size=3, views=2) as loader:
        images, _ = next(iter(loader))
        shown = loader.indices(0, 0)
        assert loader.stats["odd"] == 2
        for row, image in enumerate(images):
            assert is_sample(image, loader, samples, shown[row % 3], view=row // 3)


def test_left_to_choose_the_cpu_is_fused(pictures):
    """To the last bit what "fused" gives; the graph's own colours are near, but not the same."""
    made = {}
    for finish_ in ("auto", "fused", "graph"):
        with open_dali(pictures, work="full", finish=finish_) as loader:
            made[finish_] = next(iter(loader))[0].clone()
    assert torch.equal(made["auto"], made["fused"])
    assert not torch.equal(made["auto"], made["graph"])
    torch.testing.assert_close(made["auto"], made["graph"], rtol=1e-4, atol=1e-4)


def test_one_graph_serves_all_epochs_and_sizes(pictures):
    with open_dali(pictures, size=lambda epoch: 20 + epoch, views=2) as loader:
        graphs = []
        for epoch in range(3):
            for images, _ in loader:
                assert images.shape[2:] == (20 + epoch,) * 2
            graphs.append(loader._graph)
        assert graphs[0] is graphs[1] is graphs[2]


def test_nothing_is_overwritten_under_load(pictures):
    """Tiny batches and a consumer that dawdles and makes garbage, against one calm thread."""
    rng = np.random.default_rng(1)
    with open_dali(pictures, batch_size=2, num_threads=1, work="full") as loader:
        calm = epochs(loader, 4)
    with open_dali(pictures, batch_size=2, num_threads=3, work="full") as loader:
        copied, kept = [], []
        for _ in range(4):
            for images, _ in loader:
                copied.append(images.clone())
                kept.append(images)
                if rng.random() < 0.2:
                    time.sleep(float(rng.random()) * 0.01)
                if rng.random() < 0.1:
                    gc.collect()
    assert same(calm, copied)
    assert same(calm, kept)


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_an_abandoned_run_leaves_nothing_in_the_next(pictures, stop):
    with open_dali(pictures) as loader:
        fresh = epochs(loader, 2)
        loader.set_epoch(0)
        for step, _ in enumerate(loader):
            if step == stop:
                break
        loader.set_epoch(1)
        assert same(fresh[len(loader) :], epochs(loader))


def test_an_error_in_reading_comes_in_its_turn_and_does_no_harm(pictures):
    with open_dali(pictures) as loader:
        fresh = epochs(loader)
        loader.set_epoch(0)
        broken = int(loader.indices(0, 3)[0])
        loader._fetch.mark(broken, "made so")
        got, failure = until_failure(loader)
        assert len(got) == 3
        assert str(failure).startswith(f"sample {broken} ")
        assert failure.cause == "made so"
        loader._fetch.bad.clear()
        assert same(fresh, epochs(loader))


def test_a_bug_in_reading_does_no_harm_either(pictures, monkeypatch):
    with open_dali(pictures) as loader:
        fresh = epochs(loader)
        loader.set_epoch(0)
        with monkeypatch.context() as patch:
            patch.setattr("fasttricks.pipelines.dali.loader.regions", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                next(iter(loader))
        assert same(fresh, epochs(loader))


@pytest.fixture
def deceived(monkeypatch):
    """Samples with two cut JPEGs, at 5 and 6, that the probe takes for good ones."""
    files = [jpeg(70, 60 + i, seed=i) for i in range(12)]
    for i in (5, 6):
        files[i] = files[i][: len(files[i]) // 2]

    def credulous(data):
        facts, pixels = probe_and_decode(data)
        if facts.kind == Kind.BAD:
            facts = replace(facts, kind=Kind.PLAIN, height=70, width=65)
        return facts, pixels

    monkeypatch.setattr(fetch, "probe_and_decode", credulous)
    return Samples(files, np.arange(12))


def test_a_file_that_only_dali_rejects_is_named(deceived):
    with open_dali(deceived, train=False, batch_size=2) as loader:
        got, failure = until_failure(loader)
        assert len(got) == 2
        assert failure.index == 5
        assert failure.cause == "DALI gave up: Failed to decode"


@pytest.mark.parametrize("batch_size", [1, 4, 12])
def test_a_file_that_only_dali_rejects_is_replaced(deceived, batch_size):
    with open_dali(deceived, train=False, batch_size=batch_size, on_error="replace") as loader:
        for epoch in range(2):
            shown = []
            for images, targets in loader:
                shown += targets.tolist()
                for image, index in zip(images, targets.tolist(), strict=True):
                    assert is_sample(image, loader, deceived, index)
            assert shown == [0, 1, 2, 3, 4, 7, 7, 7, 8, 9, 10, 11]
            found = [(e.epoch, e.index, e.replacement) for e in loader.errors]
            assert found == [(e, i, 7) for e in range(epoch + 1) for i in (5, 6)]
        assert "DALI" in loader.errors[0].cause


def test_a_failure_that_is_no_files_fault_is_raised(pictures):
    with open_dali(pictures) as loader:
        batches = iter(loader)
        next(batches)
        feeds = list(loader._graph._source.in_flight)
        with pytest.raises(RuntimeError, match=r"no picture alone.*out of memory"):
            loader._blame(GraphError("out of memory", feeds))
        assert not loader._fetch.bad


def test_closing_frees_threads_and_the_pipeline_object(pictures):
    loader = open_dali(pictures)
    next(iter(loader))
    pipe = weakref.ref(loader._graph._pipe)
    readers = [t for t in threading.enumerate() if t.name.startswith("fasttricks-read")]
    assert readers
    loader.close()
    assert not any(thread.is_alive() for thread in readers)
    gc.collect()
    assert pipe() is None
    with pytest.raises(RuntimeError, match="closed"):
        next(iter(loader))


@pytest.mark.gpu
@pytest.mark.parametrize("train", [True, False])
def test_gpu_pictures_are_the_references_within_nvjpegs_means(pictures, train):
    """nvJPEG's inverse DCT and colour conversion are not libjpeg's: a level or two apart."""
    with open_dali(pictures, train=train, device=torch.device("cuda")) as loader:
        for step, (images, _) in enumerate(loader):
            assert images.device.type == "cuda"
            for image, index in zip(images.cpu(), loader.indices(0, step), strict=True):
                want = expected_picture(loader, pictures, 0, int(index))
                assert np.abs(image.permute(1, 2, 0).numpy() - want).mean() <= 1.0


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_gpu_finishes_its_own_pixels(pictures, dtype):
    cuda = torch.device("cuda")
    with open_dali(pictures, device=cuda) as loader:
        pixels = epochs(loader)
    with open_dali(pictures, device=cuda, dtype=dtype, work="full") as loader:
        kept = [images for images, _ in loader]
        for step, (uint8, images) in enumerate(zip(pixels, kept, strict=True)):
            indices = loader.indices(0, step)
            matrices = np.stack([plan_of(loader, pictures, 0, int(i))[2] for i in indices])
            matrix = torch.from_numpy(matrices).to(cuda)
            unflipped = torch.zeros(len(matrix), dtype=torch.bool, device=cuda)
            want = finish(uint8.permute(0, 2, 3, 1), matrix, unflipped, dtype=dtype)
            assert images.dtype == dtype
            assert images.is_contiguous(memory_format=torch.channels_last)
            torch.testing.assert_close(images, want)


@pytest.mark.gpu
def test_a_picture_is_whole_when_it_is_handed_over():
    """Hopper's JPEG engine has been seen to write on after the stream that waits for it had moved
    on (pytorch/vision#9606). What reads a batch at once would then find rows of another picture in
    it: so these are large, such as the engine takes, and no two alike."""
    files = [jpeg(1500 + 40 * i, 2000, seed=i, subsampling=2) for i in range(12)]
    samples = Samples(files, np.arange(len(files)))
    size = {"size": 448, "train": False, "index": False}
    with open_dali(samples, **size) as loader:
        want = torch.cat(epochs(loader)).float()
    with open_dali(samples, device=torch.device("cuda"), **size) as loader:
        read = [torch.cat(epochs(loader)) for _ in range(4)]
    for pictures in read:
        rows = (pictures.cpu().float() - want).abs().mean(dim=(1, 3))
        assert rows.max() <= 4  # nvJPEG is a level or two apart, another picture dozens
