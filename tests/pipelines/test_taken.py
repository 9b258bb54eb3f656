"""Subsets, folds and draws are, on every pipeline, what a list of the same pictures is."""

import multiprocessing

import numpy as np
import pytest
import torch

from fasttricks import Samples, make_loader
from fasttricks.data.tar_pack import TarPack
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.fetch import Fetcher
from tests.data.pack_maker import make_pack
from tests.pictures import encode, jpeg, smooth_picture
from tests.pipelines.agreement import NAMES, SIZE, assert_same, collect
from tests.pipelines.conftest import require

CHOSEN = np.random.default_rng(5).integers(0, 37, 51)  # some several times, some never


def listed(samples, chosen):
    """The same, as a list of its own."""
    files = [samples.read(i) for i in chosen.tolist()]
    return Samples(files, samples.targets[chosen], classes=samples.classes)


def open_(name, data, **options):
    require(name)
    options = {"batch_size": 8, "size": SIZE, "num_threads": 1, "seed": 11, **options}
    return make_loader(name, data, drop_last=False, **options)


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """What a pipeline reads: samples as they are, or a `.beton` of them for ffcv."""
    made, folder = {}, tmp_path_factory.mktemp("betons")

    def store(name, samples, key):
        if name != "ffcv":
            return samples
        require(name)
        from fasttricks.pipelines.beton.file import Beton
        from fasttricks.pipelines.beton.pack import pack

        if key not in made:
            made[key] = pack(samples, folder / f"{key}.beton", workers=1, progress=False).path
        return Beton(made[key])

    return store


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_batches_are_those_of_a_list(name, train, pictures, stored):
    base = stored(name, pictures, "all")
    options = {"train": train, "views": 2 if train else 1}
    with open_(name, base.take(CHOSEN), **options) as loader:
        given, counts = collect(loader, epochs=2), loader.stats
    with open_(name, stored(name, listed(pictures, CHOSEN), "list"), **options) as loader:
        assert_same(given, collect(loader, epochs=2))
        assert counts == loader.stats  # nothing stale, damaged or repaired that was not there, too


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_packs(name, pictures, tmp_path):
    pack = TarPack(make_pack(tmp_path / "pack", pictures))
    with open_(name, pack.take(CHOSEN).repeat(2), train=False) as loader:
        given = collect(loader)
        assert loader.stats["stale"] == loader.stats["damaged"] == 0
    twice = np.tile(CHOSEN, 2)
    with open_(name, pack, train=False, batch_size=37) as loader:
        ((images, targets),) = collect(loader)
    assert torch.equal(torch.cat([x for x, _ in given]), images[twice])
    assert torch.equal(torch.cat([y for _, y in given]), targets[twice])


@pytest.mark.parametrize("name", NAMES)
def test_bad_pictures_are_replaced_by_the_next_of_the_part(name, stored):
    files = [jpeg(40, 50, seed=i) for i in range(6)]
    files[2], files[4] = b"no picture", encode(smooth_picture(30, 30, 1), "PNG")
    base = stored(name, Samples(files, np.arange(6)), "bad")
    taken = base.take([2, 5, 4, 2, 2, 0, 2])
    with open_(name, taken, train=False, batch_size=3, on_error="replace") as loader:
        targets = torch.cat([y for _, y in collect(loader)])
        assert targets.tolist() == [5, 5, 4, 0, 0, 0, 5]
        found = sorted((e.index, e.replacement) for e in loader.errors)
        assert found == [(0, 1), (3, 5), (4, 5), (6, 1)]
        assert loader.stats["odd"] == 1
        if name != "torchvision":  # which has no way to leave out bad ones
            assert loader.stages(4)


@pytest.mark.parametrize("name", ["roi", "resident"])
def test_a_part_is_resumed_in_mid_epoch(name, pictures):
    taken = pictures.take(CHOSEN)
    with open_(name, taken) as loader:
        whole = collect(loader)
        loader.set_epoch(0)
        steps = iter(loader)
        next(steps), next(steps)
        state = loader.state_dict()
    with open_(name, taken, seed=1) as loader:
        loader.load_state_dict(state)
        assert_same(collect(loader), whole[2:])
    other = open_(name, taken.take(np.arange(50)))
    with other, pytest.raises(ValueError, match="51 samples, this data set has 50"):
        other.load_state_dict(state)


def test_all_parts_share_one_index(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    for i in range(6):
        (tmp_path / f"{i}.jpg").write_bytes(jpeg(60, 70 + i, seed=i))
    samples = Samples([tmp_path / f"{i}.jpg" for i in range(6)])
    for taken in (samples.take([5, 1]), samples.take([0, 3, 3]), samples):
        cutter, fetch = Cutter(taken, True), Fetcher(taken, "raise")
        for index in range(len(taken)):
            frame, _ = cutter.entry(fetch(index))
            assert frame["width"] == 70 + taken.number(index)
    assert len(list((tmp_path / "cache").rglob("*.seek"))) == 1


def test_resident_reads_only_what_is_taken(pictures, monkeypatch):
    asked, read = set(), Samples.read_stamped

    class Watched(Samples):
        def read_stamped(self, index):
            asked.add(index)
            return read(self, index)

    samples = Watched([pictures.path(i) for i in range(37)], pictures.targets)
    with open_("resident", samples.take([4, 30, 4]), train=False) as loader:
        assert asked == {4, 30}
        part = loader.bytes
    with open_("resident", samples, train=False) as loader:
        assert asked == set(range(37))
        assert loader.bytes > 5 * part


def test_resident_tells_parts_of_the_same_set_apart(pictures):
    with open_("resident", pictures.take([1, 2]), train=False) as first:
        (mine,) = collect(first)
        with open_("resident", pictures.take([2, 1]), train=False) as same:
            assert same._decoded._block.path == first._decoded._block.path  # the same pictures
            ((images, _),) = collect(same)
            assert torch.equal(images, mine[0].flip(0))
        with open_("resident", pictures.take([2, 3]), train=False) as other:
            ((images, _),) = collect(other)
            assert torch.equal(images[0], mine[0][1])
            assert not torch.equal(images[1], mine[0][0])


def tell(loader, what, queue):
    try:
        what(loader)
        queue.put("nothing")
    except RuntimeError as error:
        queue.put(str(error))


USES = {
    "iterate": lambda loader: next(iter(loader)),
    "set_epoch": lambda loader: loader.set_epoch(1),
    "load": lambda loader: loader.load_state_dict(loader.state_dict()),
    "close": lambda loader: loader.close(),
}


@pytest.mark.parametrize("name", ["torchvision", "roi", "resident", "dali"])
def test_a_loader_in_use_is_refused_in_a_forked_child(name, pictures):
    context = multiprocessing.get_context("fork")
    with open_(name, pictures) as loader:
        expected = collect(loader)
        loader.set_epoch(0)
        steps = iter(loader)
        given = [next(steps)]
        queue = context.SimpleQueue()
        for use in (*USES.values(), lambda _: next(steps)):
            child = context.Process(target=tell, args=(loader, use, queue), daemon=True)
            child.start()
            child.join(30)
            if child.is_alive():
                child.kill()
                pytest.fail("the child hangs")
            assert queue.get() == (
                "this loader belongs to another process; open it where it is used"
            )
        given += steps  # it goes on here as if nothing had been
        assert_same([(x.clone(), y) for x, y in given], expected)
