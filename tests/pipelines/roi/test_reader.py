"""Pieces that compiled code reads are those that Python reads, picture by picture."""

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from fasttricks import Samples, make_loader
from fasttricks.data import libc
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.cutter import Cutter
from fasttricks.pipelines.fetch import Fetcher
from fasttricks.pipelines.job import Replaced
from fasttricks.pipelines.roi.reader import ROOM, Reader
from tests.data.pack_maker import make_pack
from tests.pictures import encode, jpeg, smooth_picture
from tests.pipelines.conftest import require

KINDS = [{}, {"channels": 1}, {"subsampling": 0}, {"optimize": True}, {"progressive": True}]


def make_files(folder):
    """Good pictures of all kinds, then: a PNG, text, nothing there, half a picture, a good one."""
    contents = [jpeg(40 + 9 * i, 200 - 7 * i, seed=i, **KINDS[i % 5]) for i in range(15)]
    contents += [encode(smooth_picture(50, 60, 2), "PNG"), b"no picture", None]
    contents += [contents[0][: len(contents[0]) // 2], jpeg(77, 78, seed=77)]
    folder.mkdir()
    paths = [folder / os.fsdecode(b"%02d \xff.jpg" % i) for i in range(len(contents))]
    for path, data in zip(paths, contents, strict=True):
        if data is not None:
            path.write_bytes(data)
    return Samples(paths, np.arange(len(paths)))


def of_kind(kind, folder):
    files = make_files(folder / "files")
    if kind == "files":
        return files
    if kind == "thrice":
        return files.repeat(3)
    contents = [path.read_bytes() if path.exists() else b"" for path in map(files.path, range(20))]
    inside = Samples(contents, files.targets)
    return inside if kind == "memory" else TarPack(make_pack(folder / "pack", inside))


KINDS_OF_DATA = ("files", "thrice", "memory", "pack")


@pytest.fixture
def by_python(monkeypatch):
    """Runs something as on a machine where compiled code cannot read files."""

    def run(do, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(libc, "AVAILABLE", False)
            return do(*arguments)

    return run


def reader(samples, index=True, on_error="replace"):
    """A reader and its fetcher, with an index that is told apart from those of others."""
    fetch = Fetcher(samples, on_error)
    return Reader(fetch, Cutter(samples, index)), fetch


def facts(piece):
    """All of a piece but addresses, with what is there."""
    found = []
    for task, frame in zip(piece.tasks, piece.frames, strict=True):
        data = ctypes.string_at(int(task["data"]), int(task["size"]))
        points = ctypes.string_at(int(task["points"]), 8 * int(task["count"]))
        rest = [int(task[name]) for name in ("size", "kind", "height", "width", "count")]
        found.append((data, points, rest, frame.tobytes()))
    return piece.shown.tolist(), found, piece.replaced, piece.bytes


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("kind", KINDS_OF_DATA)
def test_pieces_are_those_of_python(kind, index, tmp_path, by_python):
    samples = of_kind(kind, tmp_path)
    (ours, fetch), (theirs, their_fetch) = reader(samples, index), reader(samples, index)
    order = np.random.default_rng(0).permutation(len(samples))
    for indices in (order[:7], order[7:], order[::-1], order[:1]):
        piece = ours(indices, 3)
        expected = by_python(theirs, indices, 3)
        assert facts(piece) == facts(expected)
        assert ours.counts(piece) == theirs.counts(expected)
        assert len(expected.fetched) == len(indices)
        assert len(piece.fetched) < len(indices) or len(indices) == 1
        ours.free(piece)
    assert fetch.bad == their_fetch.bad
    assert len(fetch.bad) == 3 * (3 if kind == "thrice" else 1)


@pytest.mark.parametrize("kind", KINDS_OF_DATA)
def test_errors_are_those_of_python(kind, tmp_path, by_python):
    samples = of_kind(kind, tmp_path)
    (ours, _), (theirs, _) = reader(samples, False, "raise"), reader(samples, False, "raise")
    for indices in (np.arange(20), np.array([3, 18, 16, 4])):
        for _ in range(2):  # found, then remembered
            with pytest.raises(BadSampleError) as error:
                ours(indices, 0)
            with pytest.raises(BadSampleError) as expected:
                by_python(theirs, indices, 0)
            assert str(error.value) == str(expected.value)
            assert error.value.index == expected.value.index
    assert not ours(np.arange(15), 0).replaced
    nothing = Samples([b"1", b"2"])
    with pytest.raises(DataError, match="none of the 2 pictures"):
        reader(nothing, False)[0](np.arange(2), 0)


def test_what_was_marked_bad_is_not_shown(tmp_path):
    read, fetch = reader(make_files(tmp_path / "files"), False)
    fetch.mark(2, "the decoder says so")
    piece = read(np.array([1, 2]), 5)
    assert piece.shown.tolist() == [1, 3]
    name = fetch.samples.name(2)
    assert piece.replaced == {1: Replaced(5, 2, name, "the decoder says so", 3)}
    assert sorted(piece.fetched) == [1]


def test_changed_and_damaged_entries(tmp_path, by_python, capfd):
    samples = make_files(tmp_path / "files")
    file = build_index(samples, tmp_path / "own.seek", workers=1)
    index = SeekIndex.open(file)
    content = bytearray(file.read_bytes())
    content[index.points_file[1] + 8 * int(index.records[3]["first"])] ^= 1
    file.unlink()
    file.write_bytes(content)
    os.utime(samples.path(1), ns=(1, 1))
    found = []
    for run in (lambda do, *a: do(*a), by_python):
        read, _ = reader(samples, file)
        capfd.readouterr()
        for _ in range(2):  # found, then known
            piece = run(read, np.array([0, 1, 2, 3, 15]), 0)
            counts = read.counts(piece)
            assert counts == {"stale": 1, "damaged": 1, "odd": 1}
            found.append((facts(piece), counts))
        found.append(capfd.readouterr().err)
    assert found[:3] == found[3:]
    assert "has changed since it was indexed" in found[2]
    assert sorted(piece.fetched) == [0, 1, 2, 3, 4]  # by Python, the last time


def test_files_that_come_and_go(tmp_path):
    samples = make_files(tmp_path / "files")
    read, _ = reader(samples)
    samples.path(4).unlink()
    samples.path(5).write_bytes(samples.read(6))
    piece = read(np.arange(3, 7), 0)
    assert piece.shown.tolist() == [3, 5, 5, 6]
    assert read.counts(piece) == {"stale": 2}  # twice the same one
    assert piece.tasks["height"][1:].tolist() == [40 + 9 * 6] * 3


def test_memory_is_used_again_and_bounded(tmp_path):
    large = encode(np.random.default_rng(0).integers(0, 256, (800, 900, 3), np.uint8), quality=100)
    for i in range(8):
        (tmp_path / f"{i}.jpg").write_bytes(large)
    assert len(large) < ROOM < 8 * len(large)
    read, _ = reader(Samples([tmp_path / f"{i}.jpg" for i in range(8)]))
    first = read(np.arange(8), 0)
    inside = first.room.ctypes.data
    in_room = (inside <= first.tasks["data"]) & (first.tasks["data"] < inside + ROOM)
    assert 0 < in_room.sum() == 8 - len(first.fetched) < 8  # those that do not fit, by Python
    data = {ctypes.string_at(int(t["data"]), int(t["size"])) for t in first.tasks}
    assert data == {large}
    second = read(np.arange(4), 0)
    assert not np.shares_memory(second.room, first.room)
    read.free(first)
    assert np.shares_memory(read(np.arange(4), 0).room, first.room)


def test_threads_share_a_reader(tmp_path):
    samples = make_files(tmp_path / "files")
    read, _ = reader(samples)
    indices = [np.random.default_rng(i).permutation(20) for i in range(40)]
    expected = [facts(read(each, 0)) for each in indices]

    def again(each):
        piece = read(each, 0)
        found = facts(piece)
        read.free(piece)
        return found

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(again, indices)) == expected


@pytest.mark.parametrize("kind", KINDS_OF_DATA)
@pytest.mark.parametrize("options", [{"train": True, "views": 2}, {"train": False}], ids=str)
def test_loaders_show_the_same(kind, options, tmp_path, by_python):
    require("roi")
    samples = of_kind(kind, tmp_path)
    options = {"size": 32, "work": "decode", "num_threads": 2, "on_error": "replace", **options}

    def epoch():
        with make_loader("roi", samples, batch_size=6, drop_last=False, **options) as loader:
            batches = [(images.clone(), targets.clone()) for images, targets in loader]
            return batches, loader.stats, loader.errors

    ours, theirs = epoch(), by_python(epoch)
    assert ours[1:] == theirs[1:]
    assert ours[1]["odd"] > 0
    assert ours[2]
    for first, second in zip(ours[0], theirs[0], strict=True):
        assert torch.equal(first[0], second[0])
        assert torch.equal(first[1], second[1])
