"""Entries of the seek index, as compiled code reads them with the pictures."""

import os

import numpy as np
import pytest

from fasttricks.data import libc
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex
from tests.data.plain import bytes_at, read, samples_in
from tests.pictures import jpeg

pytestmark = pytest.mark.skipif(not libc.AVAILABLE, reason="not on this system")


@pytest.fixture
def samples(tmp_path):
    return samples_in(tmp_path)


def check_points(found, frames, samples, index):
    for i, (here, frame) in enumerate(zip(found, frames, strict=True)):
        entry = index.lookup(i, *samples.read_stamped(i)[1])
        points = bytes_at(here["points"], here["count"] * index.points.itemsize)
        if entry is None:
            assert here["count"] == 0
            assert not frame.tobytes().strip(b"\0")
        else:
            assert here["count"] > 0
            assert (points, frame) == (entry[1].tobytes(), entry[0])


@pytest.fixture
def indexed(samples, tmp_path):
    """The samples and one that cannot be cut, and the file of their index."""
    many = Samples([*(samples.path(i) for i in range(4)), tmp_path / "progressive"])
    (tmp_path / "progressive").write_bytes(jpeg(40, 50, progressive=True))
    return many, build_index(many, tmp_path / "own.seek", workers=1)


@pytest.mark.parametrize("in_memory", [False, True])
def test_entries(indexed, in_memory):
    samples, file = indexed
    index = SeekIndex.from_bytes(file.read_bytes()) if in_memory else SeekIndex.open(file)
    found, frames, _kept = read(samples, index)
    assert found["plain"][:4].all()
    check_points(found, frames, samples, index)


def test_entries_that_have_to_be_rejected_are_left_alone(indexed, capfd):
    samples, file = indexed
    content = bytearray(file.read_bytes())
    record = SeekIndex.open(file).records[3]
    at = SeekIndex.open(file).points_file[1] + 8 * int(record["first"])
    content[at] ^= 1
    file.unlink()
    file.write_bytes(content)
    os.utime(samples.path(1), ns=(1, 1))
    index = SeekIndex.open(file)
    found, _, _kept = read(samples, index)
    assert found["plain"][:4].tolist() == [1, 0, 1, 0]
    assert (index.stale, index.damaged) == (0, 0)
    assert capfd.readouterr().err == ""
    for number in (1, 3):
        assert index.lookup(number, *samples.read_stamped(number)[1]) is None
    assert (index.stale, index.damaged) == (1, 1)
    found, frames, _kept = read(samples, index)  # now it is known: they are read, and whole
    assert found["plain"][:4].all()
    assert found["count"][[1, 3]].tolist() == [0, 0]
    check_points(found, frames, samples, index)


@pytest.mark.parametrize("name", ["first", "count", "size", "mtime_ns", "kind", "crc"])
@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1])
def test_a_damaged_record_gives_nothing_that_lookup_would_not_give(indexed, name, value):
    samples, file = indexed
    content = bytearray(file.read_bytes())
    index = SeekIndex.open(file)
    offset = int(index._opened.header["sections"]["offset"][3])
    records = np.frombuffer(content, index.records.dtype, len(index), offset)
    kind = records.dtype[name]
    records[name][1] = np.array([value], np.uint64).view(np.uint8)[: kind.itemsize].view(kind)[0]
    damaged = SeekIndex.from_bytes(bytes(content))
    found, _, _kept = read(samples, damaged)
    entry = damaged.lookup(1, *samples.read_stamped(1)[1])
    rejected = bool(damaged.rejected(1))
    assert bool(found["plain"][1]) == (not rejected)
    assert bool(found["count"][1]) == (entry is not None)


def test_points_that_do_not_fit_are_left(indexed):
    samples, file = indexed
    index = SeekIndex.open(file)
    size = len(samples.read(0))
    assert read(samples, index, [0], room=size + 1)[0]["plain"].tolist() == [0]
    assert read(samples, index, [0])[0]["plain"].tolist() == [1]
