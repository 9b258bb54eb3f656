"""The ffcv pipeline over tar shards: what it makes of a `.beton` with the same pictures in it."""

import numpy as np
import pytest
import torch

from fasttricks import Samples, pipelines
from fasttricks.data.pack_index import BLOCK
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack
from tests.data.pack_maker import make_pack
from tests.pictures import encode, jpeg, smooth_picture
from tests.pipelines.agreement import assert_same, collect
from tests.pipelines.ffcv.loaders import open_loader

if not pipelines()["ffcv"].available:
    pytest.skip(pipelines()["ffcv"].reason, allow_module_level=True)

from fasttricks.pipelines.ffcv.cuts import CUT


@pytest.fixture(scope="module")
def both(pictures, tmp_path_factory):
    """(pack, .beton) of the same pictures."""
    folder = tmp_path_factory.mktemp("both")
    pack(pictures, folder / "x.beton", progress=False)
    return make_pack(folder / "pack", pictures), folder / "x.beton"


@pytest.mark.parametrize("options", [{"train": True, "views": 2}, {"train": False}], ids=str)
@pytest.mark.parametrize("cut", [True, False])
def test_batches_are_those_of_a_beton(both, cut, options):
    options = {"drop_last": False, "cut": cut, "num_threads": 2, **options}
    with open_loader(both[0], **options) as tars, open_loader(both[1], **options) as beton:
        assert isinstance(tars.dataset, TarPack)
        for _ in range(2):
            assert_same(collect(tars), collect(beton))
        assert tars.stats == beton.stats
        if cut:
            assert (tars._now.cuts.known == beton._now.cuts.known).all()
            assert (tars._now.cuts.known == CUT).sum() > 30


def test_what_is_taken_is_cut_by_the_entries_of_its_own(both):
    chosen = [30, 4, 30, 17, 5]
    pack_ = TarPack(both[0])
    for data in (pack_.take(chosen), Beton(both[1]).take(chosen)):
        with open_loader(data, train=False, batch_size=2, drop_last=False) as loader:
            collect(loader)
            assert set(np.flatnonzero(loader._now.cuts.known)) == set(chosen)
            assert loader.stages(5)


def test_where_it_is_divided(pictures, tmp_path):
    make_pack(tmp_path / "train", pictures)
    make_pack(tmp_path / "val", Samples([jpeg(50, 60)] * 3))
    for train, count in ((True, 37), (False, 3)):
        with open_loader(tmp_path, train=train) as loader:
            assert len(loader.dataset) == count
            next(iter(loader))


def test_odd_and_bad_pictures_are_found_on_the_way(tmp_path):
    png = encode(smooth_picture(50, 60, 2), "PNG")
    files = [jpeg(60, 70), b"no picture", png, jpeg(40, 41), jpeg(60, 70)[:900], png]
    samples = Samples(files, np.arange(6))
    folder = make_pack(tmp_path / "pack", samples)
    beton = pack(samples, tmp_path / "x.beton", progress=False).path
    options = {"train": False, "batch_size": 2, "on_error": "replace"}
    with open_loader(folder, **options) as tars, open_loader(beton, **options) as other:
        for _ in range(2):
            assert_same(collect(tars), collect(other))
        assert tars.stats == other.stats
        assert tars.stats["odd"] == 8
        told = [(e.epoch, e.index, e.replacement, e.cause) for e in tars.errors]
        assert told == [(e.epoch, e.index, e.replacement, e.cause) for e in other.errors]
    with open_loader(folder, train=False, batch_size=2) as loader:
        for _ in range(2):
            with pytest.raises(BadSampleError, match=r"sample 1 .*shard-00000.\.tar/class_1/0001"):
                collect(loader)


def test_a_shard_that_is_missing_or_another(both, pictures, tmp_path):
    folder = make_pack(tmp_path / "pack", pictures)
    whole = TarPack(folder)
    (folder / "shard-000001.tar").unlink()
    other = folder / "shard-000002.tar"
    spoilt = int(np.flatnonzero(whole.members["shard"] == 2)[0])
    content = bytearray(other.read_bytes())
    begin = int(whole.members["offset"][spoilt])
    content[begin - BLOCK : begin] = bytes(BLOCK)
    other.write_bytes(content)
    lost = {*np.flatnonzero(whole.members["shard"] == 1).tolist(), spoilt}
    options = {"train": False, "drop_last": False}
    with (
        open_loader(folder, on_error="replace", **options) as loader,
        open_loader(both[1], **options) as complete,
    ):
        got, want = (torch.cat([images for images, _ in x]) for x in (loader, complete))
        kept = [index for index in range(37) if index not in lost]
        assert torch.equal(got[kept], want[kept])
        for index in lost:
            replacement = next(i % 37 for i in range(index, 74) if i % 37 not in lost)
            assert torch.equal(got[index], want[replacement])
        assert {e.index for e in loader.errors} == lost
    with open_loader(folder, **options) as loader, pytest.raises(BadSampleError, match=r"shard-"):
        collect(loader)


def test_tars_without_an_index(both, tmp_path):
    (tmp_path / "x.tar").write_bytes((both[0] / "shard-000000.tar").read_bytes())
    with pytest.raises(DataError, match="fasttricks index"):
        open_loader(tmp_path)
