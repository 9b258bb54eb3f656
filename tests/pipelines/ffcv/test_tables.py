"""What compiled code is told of samples in a `.beton` and in tar shards, and where they are."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fasttricks import Samples
from fasttricks.data.tar_pack import TarPack
from fasttricks.pipelines.beton.file import BAD, JPG, MODES, OTHER, RAW, Beton
from fasttricks.pipelines.beton.pack import pack
from fasttricks.pipelines.ffcv.tables import UNSEEN, Tables
from tests.data.pack_maker import make_pack
from tests.descriptors import open_under
from tests.pictures import encode, jpeg, smooth_picture

FILES = [
    jpeg(90, 71),
    jpeg(64, 65, progressive=True),
    encode(smooth_picture(40, 41, 1), "PNG"),
    b"no picture",
    jpeg(33, 47, seed=2, channels=1),
]
SIDES = [(90, 71), (64, 65), (40, 41), (0, 0), (33, 47)]


def at(entry):
    return ctypes.string_at(int(entry["address"]), int(entry["size"]))


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def folder(tmp_path):
    return make_pack(tmp_path / "pack", Samples(FILES), shards=2)


@pytest.mark.parametrize("mode", MODES)
def test_a_beton_is_known_from_the_beginning(mode, tmp_path, threads):
    beton = Beton(pack(Samples(FILES), tmp_path / "x", mode=mode, progress=False).path)
    tables = Tables(beton)
    tables.learn(np.arange(5), threads, 2)
    for name in ("mode", "height", "width"):
        assert tables.entries[name].tolist() == beton.stored[name].tolist()
    for index in (0, 1, 2, 4):
        stored = at(tables.entries[index])
        assert stored == tables.stored(index).tobytes()
        if mode != "raw":
            assert stored == beton.read(index)
        else:
            assert len(stored) == 3 * np.prod(SIDES[index])
    assert tables.has_jpegs == (mode != "raw")
    assert (
        set(tables.entries["mode"])
        == {
            "source": {JPG, OTHER, BAD},
            "jpg": {JPG, RAW},  # RAW: black, in place of the bad one
            "raw": {RAW},
        }[mode]
    )


def test_a_packs_samples_are_looked_at_once_when_they_are_needed(folder, threads, monkeypatch):
    samples = TarPack(folder)
    tables, read, asked = Tables(samples), samples.read, []
    monkeypatch.setattr(samples, "read", lambda index: asked.append(index) or read(index))
    assert tables.has_jpegs
    assert set(tables.entries["mode"]) == {UNSEEN}
    tables.learn(np.array([4, 4]), threads, 2)
    assert tables.entries["mode"].tolist() == [UNSEEN] * 4 + [JPG]
    tables.learn(np.array([0, 1, 2, 3, 4, 3]), threads, 2)
    assert tables.entries["mode"].tolist() == [JPG, JPG, OTHER, OTHER, JPG]
    assert sorted(asked) == list(range(5))
    for index in (0, 1, 4):
        assert at(tables.entries[index]) == FILES[index] == tables.stored(index).tobytes()
        assert tuple(tables.entries[index].item()[1:3]) == SIDES[index]


@pytest.mark.parametrize("make", [lambda f: TarPack(f), lambda f: Beton(f / "x")])
def test_what_was_taken_keeps_its_numbers(make, folder, threads):
    pack(Samples(FILES), folder / "x", progress=False)
    tables = Tables(make(folder).take([4, 2, 0, 4]))
    tables.learn(np.array([0, 1, 2, 3]), threads, 2)
    assert tables.entries["number"].tolist() == [4, 2, 0, 4]
    assert tables.entries["mode"].tolist() == [JPG, OTHER, JPG, JPG]
    for index, number in ((0, 4), (2, 0), (3, 4)):
        assert at(tables.entries[index]) == tables.stored(index).tobytes() == FILES[number]
        assert tuple(tables.entries[index].item()[1:3]) == SIDES[number]
    assert np.shares_memory(tables.records, tables.entries)


def test_what_is_not_where_the_index_says_is_left_to_pil(folder, threads):
    """There the error is raised or the sample replaced; nothing beyond a map is ever looked at."""
    shard = TarPack(folder).members["shard"]
    os.unlink(folder / "shard-000000.tar")
    tables = Tables(TarPack(folder))
    tables.learn(np.arange(5), threads, 2)
    assert (tables.entries["mode"][shard == 0] == OTHER).all()
    assert JPG in tables.entries["mode"][shard == 1]
    path = folder / "shard-000001.tar"
    content = bytearray(path.read_bytes())
    last = max(np.flatnonzero(shard == 1), key=lambda i: TarPack(folder).offset[i])
    cut = int(TarPack(folder).offset[last]) + 1
    path.write_bytes(content[:cut])
    tables = Tables(TarPack(folder))
    assert tables.entries["mode"][last] == OTHER
    path.write_bytes(bytes(512) + content[512:])  # another tar header
    tables = Tables(TarPack(folder))
    tables.learn(np.arange(5), threads, 2)
    first = min(np.flatnonzero(shard == 1), key=lambda i: TarPack(folder).offset[i])
    assert tables.entries["mode"][first] == OTHER


def test_many_shards_need_no_open_files(tmp_path):
    samples = Samples([jpeg(20, 20, seed=i) for i in range(40)])
    folder = make_pack(tmp_path / "pack", samples, shards=40)
    pack_ = TarPack(folder)
    before = open_under(folder)
    tables = Tables(pack_)
    assert len(tables.entries) == 40
    assert open_under(folder) == before
