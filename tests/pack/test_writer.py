"""Samples into shards: a new one when the next sample would not fit, and none half-written."""

import zlib

import numpy as np
import pytest

from fasttricks.pack.journal import Journal
from fasttricks.pack.reencode import Packed
from fasttricks.pack.writer import ShardWriter
from tests.pack.packs import stream

LIMIT = 10_240  # the least that a tar has


def add(writer, number, size, note=None):
    data = bytes([number]) * size
    who = {"sample": number, "key": f"k{number}"}
    packed = Packed(data, zlib.crc32(data), note=note)
    writer.add(f"k{number}", "jpg", packed, np.int64(number), who)


def test_shards_are_filled_and_gone_on_with(tmp_path):
    journal = Journal(tmp_path / "journal", tmp_path)
    sizes = [3000, 3000, 3000, 50_000, 10, 10]
    with ShardWriter(tmp_path, journal, LIMIT) as writer:
        for number, size in enumerate(sizes[:4]):
            add(writer, number, size, {"did": "kept"} if number == 1 else None)
        writer.finish()
        writer.finish()  # does nothing
    with ShardWriter(tmp_path, journal, LIMIT) as writer:
        assert (writer.shards_before, writer.samples_before) == (3, 4)
        for number in (4, 5):
            add(writer, number, sizes[number])
        writer.finish()
    assert [len(record.placed) for record in journal] == [2, 1, 1, 2]
    assert next(iter(journal)).notes == [{"sample": 1, "key": "k1", "did": "kept"}]
    assert [(key, len(parts["jpg"]), parts["cls"]) for key, parts in stream(tmp_path)] == [
        (f"k{number}", size, str(number).encode()) for number, size in enumerate(sizes)
    ]


def test_an_unfinished_shard_is_removed(tmp_path):
    journal = Journal(tmp_path / "journal", tmp_path)
    with (  # noqa: PT012
        pytest.raises(KeyboardInterrupt),
        ShardWriter(tmp_path, journal, LIMIT) as writer,
    ):
        for number in range(3):
            add(writer, number, 3000)
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.glob("*.tar")] == ["shard-000000.tar"]
    assert [len(record.placed) for record in journal] == [2]


@pytest.mark.parametrize("limit", [20_480, 34_816, 50_000])
def test_no_shard_is_larger_than_its_limit(tmp_path, limit):
    journal = Journal(tmp_path / "journal", tmp_path)
    with ShardWriter(tmp_path, journal, limit) as writer:
        for number in range(20):
            add(writer, number, 1000 * (number % 7))
        writer.finish()
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.tar"))]
    assert len(sizes) > 1
    assert max(sizes) <= limit
