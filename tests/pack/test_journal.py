"""The journal: what is finished is known, and nothing else is."""

from fasttricks.pack.journal import Journal, ShardRecord
from fasttricks.pack.shards import Placed, shard_name


def record(tmp_path, number, size):
    (tmp_path / shard_name(number)).write_bytes(bytes(size))
    placed = [Placed(1024 * n, n, 2**32 - 1, n) for n in range(3)]
    notes = [{"sample": 1, "source": "ü\udcff", "did": "bad"}]
    return ShardRecord(size=size, placed=placed, endings=["jpg", "png", "jpg"], notes=notes)


def test_records_come_back(tmp_path):
    journal = Journal(tmp_path / "journal", tmp_path)
    assert list(journal) == []
    records = [record(tmp_path, number, 10 + number) for number in range(3)]
    for number, one in enumerate(records):
        journal.write(number, one)
        assert list(Journal(tmp_path / "journal", tmp_path)) == records[: number + 1]


def test_what_does_not_count(tmp_path):
    journal = Journal(tmp_path / "journal", tmp_path)
    for number in range(4):
        journal.write(number, record(tmp_path, number, 10))
    (tmp_path / shard_name(3)).write_bytes(b"short")
    assert len(list(journal)) == 3
    (tmp_path / shard_name(2)).unlink()
    assert len(list(journal)) == 2
    note = tmp_path / "journal" / "000001.json"
    note.write_bytes(note.read_bytes()[:-9])
    assert len(list(journal)) == 1
    (tmp_path / "journal" / "000000.json").unlink()
    assert list(journal) == []
