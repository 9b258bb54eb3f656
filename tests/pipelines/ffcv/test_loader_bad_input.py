"""The ffcv pipeline on what is bad, rotten, odd or no `.beton` at all."""

import numpy as np
import pytest

from fasttricks import Samples, pipelines
from fasttricks.data import scan_folder
from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack
from tests.pictures import encode, jpeg, smooth_picture
from tests.pipelines.agreement import damaged_jpeg, expected_picture
from tests.pipelines.ffcv.loaders import epoch_threads, errors_of
from tests.pipelines.ffcv.loaders import open_loader as open_pack

if not pipelines()["ffcv"].available:
    pytest.skip(pipelines()["ffcv"].reason, allow_module_level=True)

from fasttricks.pipelines.decode.turbojpeg import decode  # libturbojpeg, as ffcv


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
    with open_pack(rotten, train=False, batch_size=2) as loader:
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
    with open_pack(rotten, train=False, batch_size=2, views=2, on_error="replace") as loader:
        for epoch in range(2):  # found while decoding, then known
            shown = []
            for images, targets in loader:
                shown += targets[:2].tolist()
                for row, (image, index) in enumerate(zip(images, targets, strict=True)):
                    want = expected_picture(loader, loader.dataset, epoch, int(index), row // 2)
                    assert np.abs(image.permute(1, 2, 0).numpy() - want).max() <= 1 + 1e-3
            assert shown == [0, 1, 2, 4, 4, 5]
        assert [(e.epoch, e.index, e.replacement) for e in loader.errors] == [(0, 3, 4), (1, 3, 4)]
        assert loader.stats["replaced"] == 2
        assert loader.stats["odd"] == loader.stats["repaired"] == 0


def test_damage_that_pil_accepts_gives_pils_pixels(tmp_path):
    """libjpeg warns of wrong codes in the scan and goes on; so does PIL, without a word."""
    data = damaged_jpeg(decode)
    path = pack(Samples([data] * 2), tmp_path / "x.beton", progress=False).path
    assert not Beton(path).bad
    with open_pack(path, batch_size=2) as loader:
        assert np.abs(errors_of(loader)).max() <= 1 + 1e-3
        assert loader.stats["odd"] == 0  # PIL was needed, but the probe calls them plain
        assert loader.stats["repaired"] == 2
    assert np.array_equal(decode_rgb(data), decode_rgb(Beton(path).read(0)))


@pytest.mark.parametrize("mode", ["jpg", "raw"])
def test_bad_files_in_reencoded_packs(mode, tmp_path):
    """Replaced as from the files themselves, and no longer odd."""
    files = [jpeg(60, 70), b"no picture", encode(smooth_picture(50, 60, 2), "PNG"), jpeg(40, 41)]
    path = pack(Samples(files, np.arange(4)), tmp_path / "x", mode=mode, progress=False).path
    with open_pack(path, train=False, batch_size=4, on_error="replace") as loader:
        ((images, targets),) = loader
        assert targets.tolist() == [0, 2, 2, 3]
        for image, index in zip(images, targets, strict=True):
            error = image.permute(1, 2, 0).numpy() - expected_picture(
                loader, loader.dataset, 0, int(index)
            )
            assert np.abs(error).max() <= 1 + 1e-3
        assert [(e.index, e.replacement) for e in loader.errors] == [(1, 2)]
        assert "PIL does not recognise it" in loader.errors[0].cause
        assert loader.stats["odd"] == 0


def test_what_it_cannot_open(rotten, picture_folder, tmp_path):
    for data in (picture_folder, scan_folder(picture_folder), tmp_path / "nowhere.beton"):
        with pytest.raises(DataError, match=r"fasttricks pack SRC DST\.beton"):
            open_pack(data)
    with pytest.raises(DataError, match=f"not {picture_folder}, a folder of files; "):
        open_pack(picture_folder)
    short = tmp_path / "short.beton"
    short.write_bytes(rotten.read_bytes()[:-1000])
    with pytest.raises(DataError, match="is cut short"):
        open_pack(short)
