"""Good, odd and bad files: every pipeline shows and rejects the same ones."""

import errno
import multiprocessing
import os
import signal

import numpy as np
import pytest
from PIL import Image

from fasttricks import Samples
from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import BadSampleError, DataError, FasttricksError
from fasttricks.pipelines import fetch, torchvision
from fasttricks.pipelines.decode.decoder import find_decoder
from tests.pictures import encode, jpeg, smooth_picture
from tests.pipelines.agreement import NAMES, collect, damaged_jpeg, expected_picture


@pytest.fixture(scope="session")
def mixed_samples():
    """Good, odd and bad files; the bad ones at 1, 4, 5 and last."""
    whole = jpeg(90, 120, seed=1)
    cmyk = smooth_picture(70, 80, 5, channels=4)
    files = [
        jpeg(60, 70, seed=0),
        whole[: len(whole) // 2],  # 1: cut short
        encode(smooth_picture(50, 60, 2), "PNG"),
        encode(Image.fromarray(cmyk, "CMYK"), quality=90),
        b"",  # 4: empty
        b"not a picture at all",  # 5
        jpeg(1, 1, seed=6),
        encode(smooth_picture(44, 41, 7), "WEBP", lossless=True),
        jpeg(77, 91, seed=8, progressive=True),
        jpeg(64, 64, seed=9, channels=1),
        jpeg(300, 20, seed=10),
        b"\xff\xd8\xff\xd9",  # 11: nothing between start and end
    ]
    return Samples(files, np.arange(len(files)))


REPLACEMENT = {1: 2, 4: 6, 5: 6, 11: 0}


@pytest.mark.parametrize("name", NAMES)
def test_bad_files_are_named(name, mixed_samples, open_loader):
    with (
        open_loader(name, mixed_samples, train=False, batch_size=1) as loader,
        pytest.raises(BadSampleError, match="sample 1") as error,
    ):
        collect(loader)
    assert error.value.index == 1
    assert len(error.value.cause) > 5


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_bad_files_are_replaced_alike(name, train, mixed_samples, open_loader):
    options = {"train": train, "batch_size": 5, "drop_last": False, "on_error": "replace"}
    with open_loader(name, mixed_samples, work="decode", **options) as loader:
        seen = 0
        for step, (images, targets) in enumerate(loader):
            for image, target, asked in zip(images, targets, loader.indices(0, step), strict=True):
                shown = REPLACEMENT.get(int(asked), int(asked))
                assert int(target) == shown
                want = expected_picture(loader, mixed_samples, 0, shown)
                assert np.abs(image.permute(1, 2, 0).numpy() - want).max() <= 1 + 1e-3
                seen += 1
        assert seen == len(mixed_samples)
        assert {e.index: e.replacement for e in loader.errors} == REPLACEMENT
        assert all(e.cause and e.name for e in loader.errors)
        assert loader.stats["replaced"] == 4
        # PNG, CMYK and WebP, and each bad file that one of them stands for.
        assert loader.stats["odd"] == 4


@pytest.mark.parametrize("name", ["roi", "ffcv", "torchvision"])
def test_a_replacement_that_breaks_while_decoding(name, open_loader, monkeypatch):
    """2 is bad and 3, in its place, passes the probe but no decoder: 4 stands for both."""
    rotten = damaged_jpeg(find_decoder().decode)  # no ordinary decoder takes it; PIL does,
    files = [jpeg(50, 60, seed=i) for i in range(6)]
    files[2:4] = b"", rotten

    def refuse(decode):
        def refusing(data, *others):
            if bytes(data) == rotten:
                raise DataError("refused")
            return decode(data, *others)

        return refusing

    def patch(module, function):  # which is what this is for
        monkeypatch.setattr(module, function, refuse(getattr(module, function)))

    options = {"train": False, "batch_size": 6, "drop_last": False, "on_error": "replace"}
    with open_loader(name, Samples(files), **options) as loader:
        if name == "torchvision":  # not in a worker, where nothing can be patched
            patch(torchvision, "load_rgb")
            batches = torchvision.PlannedBatches(loader.dataset, loader.options)
            loader.errors = batches[loader._job(0, loader._slices(0, 0))].replaced
        else:
            patch(fetch, "decode_rgb")
            collect(loader)
        assert [(e.index, e.replacement) for e in loader.errors] == [(2, 4), (3, 4)]


@pytest.mark.parametrize("name", ["roi", "resident", "ffcv"])
def test_what_pil_decodes_for_a_decoder_is_counted(name, open_loader):
    files = [jpeg(60, 80, seed=i) for i in range(4)]
    files[1] = damaged_jpeg(find_decoder().decode)
    with open_loader(name, Samples(files), batch_size=4, views=2) as loader:
        collect(loader)
        assert (loader.stats["repaired"], loader.stats["odd"]) == (1, 0)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_good_at_all(name, open_loader):
    samples = Samples([b"", b"x", b"\xff\xd8"])
    with (
        open_loader(name, samples, on_error="replace", batch_size=1) as loader,
        pytest.raises(DataError, match="none of the 3 pictures"),
    ):
        collect(loader)


@pytest.mark.parametrize("name", NAMES)
def test_every_odd_jpeg(name, shared, open_loader):
    """All of the odd files: the same are rejected by every pipeline, the rest are PIL's pixels."""
    paths = sorted(p for p in shared("odd-jpegs").iterdir() if p.suffix != ".md")
    samples = Samples(paths, np.arange(len(paths)))
    options = {"train": True, "drop_last": False, "on_error": "replace", "work": "decode"}
    wrong = []
    with open_loader(name, samples, **options) as loader:
        for step, (images, targets) in enumerate(loader):
            for image, shown, asked in zip(images, targets, loader.indices(0, step), strict=True):
                want = expected_picture(loader, samples, 0, int(shown))
                if np.abs(image.permute(1, 2, 0).numpy() - want).max() > 1 + 1e-3:
                    wrong.append(paths[int(asked)].name)
        bad = {e.index for e in loader.errors}
    assert not wrong
    for index in range(len(paths)):
        try:
            decode_rgb(samples.read(index))
            assert index not in bad
        except DataError:
            assert index in bad


@pytest.mark.parametrize("name", NAMES)
def test_views_of_replaced_files(name, mixed_samples, open_loader):
    options = {"train": False, "batch_size": 5, "on_error": "replace", "work": "decode"}
    with open_loader(name, mixed_samples, views=3, **options) as loader:
        for step, (images, targets) in enumerate(loader):
            shown = [REPLACEMENT.get(int(i), int(i)) for i in loader.indices(0, step)]
            assert targets.tolist() == shown * 3
            for image, index in zip(images, shown * 3, strict=True):
                want = expected_picture(loader, mixed_samples, 0, index)
                assert np.abs(image.permute(1, 2, 0).numpy() - want).max() <= 1 + 1e-3


@pytest.mark.parametrize("number", [signal.SIGBUS, signal.SIGKILL])
def test_a_worker_that_finds_no_shared_memory_is_told(number, open_loader):
    """What does not fit into /dev/shm is a SIGBUS; the kernel kills what does not fit in memory."""
    with open_loader("torchvision", Dying(number), batch_size=2) as loader:
        with pytest.raises(FasttricksError, match=r"/dev/shm.*--shm-size") as error:
            collect(loader)
        assert "\n" not in str(error.value)
        assert error.value.__suppress_context__


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_dev_shm_is_told(number):
    def batches():
        raise OSError(number, os.strerror(number))
        yield

    with pytest.raises(FasttricksError, match=f"{os.strerror(number)}.*/dev/shm"):
        list(torchvision._received(batches()))


def test_other_errors_of_workers_stay_what_they_are():
    def batches():
        raise RuntimeError("Caught RuntimeError in DataLoader worker process 0.\na mistake")
        yield

    with pytest.raises(RuntimeError, match="a mistake"):
        list(torchvision._received(batches()))


class Dying(Samples):
    """Whoever reads it is killed."""

    def __init__(self, number):
        super().__init__([jpeg(30, 40, seed=i) for i in range(4)])
        self.number = number

    def read_stamped(self, index):
        if multiprocessing.parent_process():
            os.kill(os.getpid(), self.number)
        return super().read_stamped(index)
