import os

import numpy as np
import pytest

from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import INDEXED, UNREADABLE, WHOLE, checksum
from fasttricks.data.seek.pictures import Previous, Work
from fasttricks.data.seek.source import names_of
from fasttricks.kernels.jpeg.seek import SEEK
from tests.data.seek.standin import make_pictures, picture

pytestmark = pytest.mark.usefixtures("standin")


def one(data):
    """(record, points) of a picture in memory."""
    records, points = Work(Samples([data]), 64)(0, 1)
    assert records[0]["crc"] == checksum(records[0].tobytes(), points)
    return records[0], np.frombuffer(points, SEEK)


@pytest.mark.parametrize(
    ("data", "kind", "status", "count"),
    [
        (picture(3), INDEXED, 0, 3),
        (picture(3, b"cut"), WHOLE, 2, 0),  # found by the second kernel, after the frame
        (b"nonsense", WHOLE, 1, 0),
        (b"", WHOLE, 1, 0),
        (picture(0), WHOLE, 0, 0),
    ],
)
def test_kinds(data, kind, status, count):
    record, points = one(data)
    assert (record["kind"], record["frame"]["status"]) == (kind, status)
    assert (record["count"], len(points), record["size"]) == (count, count, len(data))


def test_unreadable_files_keep_the_errno(tmp_path):
    paths = make_pictures(tmp_path, 3)
    paths[1].unlink()
    os.mkfifo(paths[1])
    paths[2].unlink()
    records, points = Work(Samples(paths), 64)(0, 3)
    assert records["kind"].tolist() == [WHOLE, UNREADABLE, UNREADABLE]
    assert records["error"].tolist() == [0, 0, 2]
    assert points == b""


def test_stopping_ends_the_share():
    work = Work(Samples([picture(1)] * 9), 64)
    work.stopped.set()
    assert work(0, 9)[1] == b""


@pytest.fixture
def indexed(tmp_path):
    samples = Samples(make_pictures(tmp_path / "pictures", 12))
    file = build_index(samples, tmp_path / "x.seek")
    return samples, SeekIndex.open(file, samples)


def test_entries_of_an_older_index_follow_the_names(indexed):
    samples, index = indexed
    paths = [samples.path(n) for n in range(12)]
    mixed = Samples([*paths[6:], *paths[5:6] * 2, *paths[:5]])
    previous = Previous(index, names_of(mixed))
    for number in range(13):
        was = paths.index(mixed.path(number))
        record, points = previous.entry(number, mixed)
        assert (record, points) == index.entry(was)


def test_no_entry_for_what_is_new_changed_gone_or_damaged(indexed, tmp_path):
    samples, index = indexed
    new = tmp_path / "pictures" / "class_0" / "new.jpg"
    new.write_bytes(picture(1))
    paths = [*(samples.path(n) for n in range(12)), new]
    os.utime(paths[3], ns=(5, 5))
    paths[4].write_bytes(picture(2, b"longer than before"))
    paths[5].unlink()
    grown = Samples(paths)
    real = index.entry
    index.entry = lambda number: None if number == 7 else real(number)
    previous = Previous(index, names_of(grown))
    without = [n for n in range(13) if previous.entry(n, grown) is None]
    assert without == [3, 4, 5, 7, 12]


def test_an_empty_file_without_a_time_is_not_taken_for_one_that_could_not_be_read(tmp_path):
    paths = make_pictures(tmp_path, 1)
    paths[0].unlink()
    samples = Samples(paths)
    index = SeekIndex.open(build_index(samples, tmp_path / "x.seek"))
    paths[0].write_bytes(b"")
    os.utime(paths[0], ns=(0, 0))
    assert samples.stamp(0) == (index.records[0]["size"], index.records[0]["mtime_ns"])
    assert Previous(index, names_of(samples)).entry(0, samples) is None


def test_what_could_not_be_read_is_tried_again(tmp_path):
    paths = make_pictures(tmp_path, 3)
    content = paths[1].read_bytes()
    paths[1].unlink()
    samples = Samples(paths)
    index = SeekIndex.open(build_index(samples, tmp_path / "x.seek"))
    paths[1].write_bytes(content)
    previous = Previous(index, names_of(samples))
    assert previous.entry(1, samples) is None
    assert previous.entry(2, samples) is not None
