"""What only the roi pipeline has: two decoders, shrinking while decoding, and little memory."""

import contextlib
import os
import sys

import numpy as np
import pytest
import torch

import fasttricks
from fasttricks import Mixup, Samples, make_loader
from fasttricks.data.pixels import decode_rgb
from fasttricks.data.probe import Kind, probe
from fasttricks.data.seek.build import build_index
from fasttricks.errors import DataError
from fasttricks.pipelines.decode.decoder import find_decoder
from tests.pictures import encode, jpeg
from tests.pipelines.conftest import require

pytestmark = pytest.mark.usefixtures("roi_is_there")

CHROMA = [{"subsampling": s} for s in (0, 1, 2)] + [{"channels": 1}, {"optimize": True}]


@pytest.fixture
def roi_is_there():
    require("roi")


def pixels(samples, **options):
    """All pictures of one epoch, uint8 [N, 3, size, size], and the loader's counts."""
    options = {"work": "decode", "size": 32, "num_threads": 2, "drop_last": False, **options}
    with make_loader("roi", samples, **{"batch_size": 5, "seed": 3, **options}) as loader:
        images = torch.cat([images.clone() for images, _ in loader])
        return images.int(), loader.stats


@pytest.fixture(scope="module")
def large():
    """Several times the output, so that every scale of decoding is used."""
    sides = np.random.default_rng(1).integers(60, 700, (24, 2)).tolist()
    return Samples([jpeg(*s, seed=i, **CHROMA[i % 5]) for i, s in enumerate(sides)])


@pytest.fixture
def without_libturbojpeg(monkeypatch):
    """As on a machine that lacks the system library and has the wheel."""
    pytest.importorskip("simplejpeg")
    for module in ("turbojpeg", "rows"):
        monkeypatch.setitem(sys.modules, f"fasttricks.pipelines.decode.{module}", None)
        if hasattr(fasttricks.pipelines.decode, module):
            monkeypatch.delattr(fasttricks.pipelines.decode, module)


# ------------------------------------------------------------------------------------ two decoders


def test_the_loader_says_what_decodes(large):
    with make_loader("roi", large, batch_size=4) as loader:
        assert loader.decoder == find_decoder().name


@pytest.mark.usefixtures("without_libturbojpeg")
def test_simplejpeg_is_taken_where_libturbojpeg_is_missing(large):
    with make_loader("roi", large, batch_size=4, size=32) as loader:
        assert loader.decoder.startswith("simplejpeg ")
        assert set(loader.stages(3)) >= {"read", "decode", "resize", "finish"}


def test_without_either_the_error_is_that_of_the_library(monkeypatch, without_libturbojpeg):
    monkeypatch.setitem(sys.modules, "fasttricks.pipelines.decode.simple", None)
    monkeypatch.delattr(fasttricks.pipelines.decode, "simple", raising=False)
    with pytest.raises(ImportError):
        find_decoder()


@pytest.mark.parametrize(
    "options", [{}, {"train": False}, {"cut": False}, {"exact": False}], ids=str
)
def test_both_decoders_give_the_same_pixels(large, options, request):
    if not find_decoder().name.startswith("libturbojpeg"):
        pytest.skip("libturbojpeg is not installed")
    first, _ = pixels(large, **options)
    request.getfixturevalue("without_libturbojpeg")
    assert find_decoder().name.startswith("simplejpeg ")
    assert torch.equal(first, pixels(large, **options)[0])


@pytest.mark.usefixtures("without_libturbojpeg")
def test_what_simplejpeg_complains_about_is_left_to_pil():
    """libjpeg warns of a wrong bit in the data, and PIL takes what it can make of them."""
    decode = find_decoder().decode
    good = jpeg(90, 110, seed=1)
    for at in range(len(good) // 2, len(good) - 2):
        damaged = good[:at] + bytes([good[at] ^ 16]) + good[at + 1 :]
        if probe(damaged).kind == Kind.PLAIN:
            with contextlib.suppress(DataError):
                decode(damaged, 90, 110)
                continue
            break
    options = {"batch_size": 1, "size": 32, "work": "decode", "train": False, "num_threads": 1}
    with make_loader("roi", Samples([damaged]), **options) as loader:
        ours, _ = next(iter(loader))
    with make_loader("roi", Samples([encode(decode_rgb(damaged), "PNG")]), **options) as loader:
        pils, _ = next(iter(loader))
    assert torch.equal(ours, pils)


@pytest.mark.usefixtures("without_libturbojpeg")
def test_simplejpeg_on_real_odd_pictures(shared):
    paths = sorted(
        p for p in shared("odd-jpegs").iterdir() if p.suffix.lower() in (".jpg", ".jpeg")
    )
    samples = Samples(paths)
    options = {"on_error": "replace", "size": 64, "work": "decode", "train": False}
    with make_loader("roi", samples, batch_size=8, **options) as loader:
        ours = torch.cat([images.clone() for images, _ in loader]).int()
    with make_loader("torchvision", samples, batch_size=8, num_threads=1, **options) as loader:
        pils = torch.cat([images.clone() for images, _ in loader]).int()
    assert (ours - pils).abs().max() <= 2  # both within one level of the reference


# ---------------------------------------------------------------------------- shrinking (not exact)


def test_shrinking_happens_only_where_it_is_asked_for(large):
    exact, _ = pixels(large)
    assert torch.equal(exact, pixels(large, exact=True)[0])
    changed = (exact != pixels(large, exact=False)[0]).flatten(1).any(1)
    assert 0.3 < changed.float().mean() < 1  # boxes of less than twice the output stay as they are


@pytest.mark.parametrize("train", [True, False])
def test_cuts_shrink_to_the_pixels_of_whole_files(large, train):
    """Cuts begin at whole blocks, which every scale divides."""
    cut, _ = pixels(large, exact=False, train=train)
    assert torch.equal(cut, pixels(large, exact=False, train=train, cut=False)[0])


@pytest.mark.parametrize("train", [True, False])
def test_flat_pictures_stay_flat(train):
    flat = [np.full((300 + 7 * i, 411, 3), 9 * i, np.uint8) for i in range(24)]
    samples = Samples([encode(p, quality=90, **CHROMA[i % 3]) for i, p in enumerate(flat)])
    exact, _ = pixels(samples, train=train)
    assert (exact - pixels(samples, exact=False, train=train)[0]).abs().max() <= 1


@pytest.mark.parametrize("train", [True, False])
def test_on_smooth_pictures_little_changes(train):
    """A picture whose slope is g levels per pixel: g * shrink / 2 at the rim, where the filter's
    centre of mass moves by up to half a shrunken pixel; and the roundings of JPEG and resizing."""
    y, x = np.mgrid[:520, :640]
    slope = 0.25
    ramp = np.stack([y * slope + 40, x * slope + 40, 200 - y * slope], -1).astype(np.uint8)
    samples = Samples([encode(ramp, quality=97, **CHROMA[i % 3]) for i in range(12)])
    exact, _ = pixels(samples, train=train)
    shrunk, _ = pixels(samples, train=train, exact=False)
    difference = (shrunk - exact).abs()
    assert difference.max() <= 4 * slope * 2 + 3
    assert difference[..., 1:-1, 1:-1].max() <= 3
    moved = (shrunk - torch.roll(exact, 1, 3)).abs()[..., 1:-1, 1:-1]
    assert moved.max() > 3  # a box that is one output pixel off


@pytest.mark.parametrize("name", ["torchvision", "dali", "ffcv"])
def test_others_refuse_to_shrink(name, large):
    require(name)
    with pytest.raises(ValueError, match="exact=False is for roi only"):
        make_loader(name, large, batch_size=2, exact=False)


# ------------------------------------------------------------------------------- where the index is


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    paths = []
    for i in range(6):
        paths.append(tmp_path / f"{i}.jpg")
        paths[-1].write_bytes(jpeg(150, 180, seed=i))
    return Samples(paths)


@pytest.mark.parametrize("name", ["roi", "dali", "torchvision"])
def test_changed_and_damaged_entries_are_counted(name, files, tmp_path, capfd):
    require(name)
    index = build_index(files, tmp_path / "own.seek")
    content = bytearray(index.read_bytes())
    content[-4] ^= 1  # in the last picture's points
    index.write_bytes(content)
    os.utime(files.path(2), ns=(1, 1))
    options = {"batch_size": 3, "train": False, "size": 32, "num_threads": 1, "work": "decode"}
    with make_loader(name, files, index=index, **options) as loader:
        given = torch.cat([images.clone() for images, _ in loader])
        assert (loader.stats["stale"], loader.stats["damaged"]) == (1, 1)
        assert loader.stats["odd"] == 0
    with make_loader(name, files, index=False, **options) as loader:
        whole = torch.cat([images.clone() for images, _ in loader])
        assert (loader.stats["stale"], loader.stats["damaged"]) == (0, 0)
    assert (given.int() - whole.int()).abs().max() <= (1 if name == "torchvision" else 0)
    assert not list((tmp_path / "cache").glob("index/*"))
    said = capfd.readouterr().err
    if name != "torchvision":  # whose workers speak to the stderr of the test that started them
        assert said.count("fasttricks index DATA --refresh") == 2  # once for each kind of entry
    build_index(files, index, refresh=True)  # what is advised is of help
    with make_loader(name, files, index=index, **options) as loader:
        assert sum(len(images) for images, _ in loader) == len(files)
        assert (loader.stats["stale"], loader.stats["damaged"]) == (0, 0)
    assert "refresh" not in capfd.readouterr().err


def test_an_index_that_is_not_there_or_of_others_is_an_error(files, tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.seek"):
        make_loader("roi", files, batch_size=2, index=tmp_path / "nowhere.seek")
    other = build_index(Samples([files.path(0)]), tmp_path / "other.seek")
    with pytest.raises(DataError, match="another data set"):
        make_loader("roi", files, batch_size=2, index=other)
    with pytest.raises(ValueError, match="index must be True, False, or the path"):
        make_loader("roi", files, batch_size=2, index=3)


# ------------------------------------------------------------------------------------------- memory


def test_large_batches_take_turns_in_two_blocks(large, monkeypatch):
    monkeypatch.setattr("fasttricks.pipelines.roi.loader.LARGE", 0)
    with make_loader("roi", large.repeat(4), batch_size=8, size=32) as loader:
        addresses = {images.data_ptr() for images, _ in loader}
        expected = [images.sum() for images, _ in loader]
        assert len(addresses) == 2
        loader.set_epoch(1)
        kept = [images for images, _ in loader]  # whoever keeps them gets others
        assert len({images.data_ptr() for images in kept}) == len(kept) == 12
        assert [images.sum() for images in kept] == expected


@pytest.mark.parametrize(("threads", "batch"), [(1, 64), (2, 64), (16, 64), (16, 256), (5, 32)])
def test_there_is_memory_for_a_group_in_each_thread(threads, batch, large, monkeypatch):
    """Groups in a row, one in each thread, the first of them the last one of its batch."""
    monkeypatch.setattr("fasttricks.pipelines.roi.loader.LARGE", 0)
    options = {"batch_size": batch, "size": 16, "num_threads": threads, "mix": Mixup()}
    with make_loader("roi", large.repeat(20), **options) as loader:
        groups, blocks = batch // 32, loader._blocks(16)
        assert groups - 1 + threads <= (blocks - 1) * groups
        assert groups - 1 + threads > (blocks - 2) * groups or blocks == 2
        assert loader._memory._most > blocks
    with make_loader("roi", large.repeat(20), **options, mix_group=batch) as loader:
        assert loader._blocks(16) == (2 if batch > 64 else 1 + threads)
