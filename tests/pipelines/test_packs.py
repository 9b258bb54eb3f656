"""Every pipeline that reads pictures reads packs: the same batches as from the folder."""

import os

import numpy as np
import pytest
import torch

from fasttricks import make_loader
from fasttricks.data.pack_index import BLOCK
from fasttricks.data.seek.build import build_index
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import BadSampleError, DataError
from tests.data.pack_maker import make_pack
from tests.pipelines.agreement import SIZE, assert_same, collect
from tests.pipelines.conftest import require

READERS = ["torchvision", "roi", "dali"]


@pytest.fixture(scope="session")
def made(pictures, tmp_path_factory):
    return make_pack(tmp_path_factory.mktemp("packs") / "made", pictures)


@pytest.fixture
def pack(pictures, tmp_path):
    """One to be spoilt, indexed when it was still good."""
    pack = TarPack(make_pack(tmp_path / "pack", pictures))
    build_index(pack)
    return pack


def open_(name, data, **options):
    require(name)
    options = {"batch_size": 8, "size": SIZE, "num_threads": 1, "seed": 11, **options}
    return make_loader(name, data, drop_last=False, **options)


@pytest.mark.parametrize(("train", "cut"), [(True, True), (False, True), (True, False)])
@pytest.mark.parametrize("name", READERS)
def test_batches_are_those_of_the_folder(name, train, cut, picture_folder, made):
    options = {"train": train, "cut": cut, "work": "full"}
    with open_(name, picture_folder, **options) as loader:
        expected = collect(loader, epochs=2)
    with open_(name, made, **options) as loader:
        assert isinstance(loader.dataset, TarPack)
        assert_same(collect(loader, epochs=2), expected)
        assert loader.stats["replaced"] == 0


@pytest.mark.parametrize("name", READERS)
def test_pictures_of_packs_are_cut(name, made, monkeypatch):
    """What is decoded is not the files' own bytes."""
    from fasttricks.pipelines.cutter import Cutter
    from fasttricks.pipelines.roi.reader import Reader

    found, entry_of, read = [], Cutter.entry, Reader.__call__

    def entry(cutter, fetched):
        given = entry_of(cutter, fetched)
        found.append(given is not None)
        return given

    def piece(reader, *arguments):
        piece = read(reader, *arguments)
        found.extend(piece.tasks["count"] > 0)
        return piece

    if name == "roi":  # where compiled code looks for the entries
        monkeypatch.setattr(Reader, "__call__", piece)
    else:
        monkeypatch.setattr(Cutter, "entry", entry)
    with open_(name, made) as loader:
        if name == "torchvision":  # its workers are other processes
            loader.stages(37)
        else:
            collect(loader)
    assert 0.8 < np.mean(found) < 1  # progressive ones cannot be


@pytest.mark.parametrize("name", READERS)
def test_repeated_packs(name, made):
    pack = TarPack(made)
    options = {"train": False, "work": "decode", "batch_size": 37}
    with open_(name, pack, **options) as loader:
        once = collect(loader)
    with open_(name, pack.repeat(2), **options) as loader:
        assert_same(collect(loader), once * 2)


def shards_of(pack):
    return np.asarray(pack.members["shard"])


def lose(pack):
    pack.files[1].unlink()
    return shards_of(pack) == 1


def shorten(pack):
    own = shards_of(pack) == 1
    half = int(np.median(pack.members["offset"][own]))
    os.truncate(pack.files[1], half)
    return own & (pack.members["offset"] + pack.members["size"] > half)


def disagree(pack):
    """Another tar in the place of the one that was indexed."""
    own = shards_of(pack) == 1
    content = bytearray(pack.files[1].read_bytes())
    for offset in pack.members["offset"][own].tolist():
        content[offset - BLOCK : offset] = b"?" * BLOCK
    pack.files[1].write_bytes(content)
    return own


@pytest.mark.parametrize(("spoil", "train"), [(lose, True), (shorten, False), (disagree, True)])
@pytest.mark.parametrize("name", READERS)
def test_what_is_lost_is_replaced_alike(name, train, spoil, pack, pictures):
    bad = spoil(pack)
    assert 3 < bad.sum() < 20
    good = np.flatnonzero(~bad)
    after = {int(i): int(good[np.searchsorted(good, i) % len(good)]) for i in np.flatnonzero(bad)}
    options = {"train": train, "work": "decode", "on_error": "replace"}
    with open_(name, pack.folder, **options) as loader:
        found = collect(loader)
        assert {e.index: e.replacement for e in loader.errors} == after
        assert all(e.name == pack.name(e.index) for e in loader.errors)
        shown = [
            [after.get(int(i), int(i)) for i in loader.indices(0, step)]
            for step in range(len(loader))
        ]
    # The folder's own pictures, asked for in that order: plans follow the index.
    with open_(name, pictures, train=train, work="decode") as loader:
        pixels = {}
        for step, (images, _) in enumerate(loader):
            for image, index in zip(images, loader.indices(0, step), strict=True):
                pixels[int(index)] = image.clone()
    for (images, targets), indices in zip(found, shown, strict=True):
        assert torch.equal(images, torch.stack([pixels[i] for i in indices]))
        assert targets.tolist() == pictures.targets[indices].tolist()


@pytest.mark.parametrize("spoil", [lose, shorten, disagree])
@pytest.mark.parametrize("name", READERS)
def test_what_is_lost_is_named(name, spoil, pack):
    first = int(np.flatnonzero(spoil(pack))[0])
    with (
        open_(name, pack.folder, train=False, batch_size=1) as loader,
        pytest.raises(BadSampleError) as error,
    ):
        collect(loader)
    assert error.value.index == first
    assert error.value.name == f"{pack.files[1]}/{pack.member(first).decode()}"


def test_tars_without_an_index_are_not_read_in_silence(pack):
    (pack.folder / "pack.index").unlink()
    for name in READERS:
        with pytest.raises(DataError, match="fasttricks index"):
            open_(name, pack.folder)
