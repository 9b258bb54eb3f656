"""Index and account are made from the journal, whatever order the shards are in."""

import json
from pathlib import Path

import numpy as np

from fasttricks.data.pack_index import open_pack_index
from fasttricks.data.samples import Samples
from fasttricks.pack.journal import Journal, ShardRecord
from fasttricks.pack.manifest import summarise, write_index, write_manifest
from fasttricks.pack.shards import Placed, shard_name
from fasttricks.pack.source import Part

ORDER = np.array([3, 0, 4, 1, 2])
"""Sample ORDER[p] stands at place p; the first shard has three."""


def journal(tmp_path):
    result = Journal(tmp_path / "journal", tmp_path)
    places = [Placed(1000 + int(i), 10 + int(i), 2**32 - 1 - int(i), 7) for i in ORDER]
    notes = [
        {"sample": 4, "source": "four", "did": "bad", "why": "cut short"},
        {"sample": 0, "source": "zero", "did": "kept", "why": "progressive; libturbojpeg: no"},
        {"sample": 2, "source": "two", "did": "bad", "why": "empty"},
        {"sample": 1, "source": "one", "did": "reduced", "why": "too large"},
    ]
    for number, (some, told) in enumerate(((slice(3), slice(2)), (slice(3, 5), slice(2, 4)))):
        (tmp_path / shard_name(number)).write_bytes(bytes(5000 + number))
        endings = [f"e{i}" for i in ORDER[some]]
        record = ShardRecord(
            size=5000 + number, placed=places[some], endings=endings, notes=notes[told]
        )
        result.write(number, record)
    return result


def test_summary(tmp_path):
    summary = summarise(journal(tmp_path))
    assert (summary.samples, summary.shards, summary.size_bytes) == (5, 2, 10_001)
    assert [(e.index, e.name, e.cause) for e in summary.bad] == [
        (2, "two", "empty"),
        (4, "four", "cut short"),
    ]
    assert summary.stated() == {
        "samples": 5,
        "shards": 2,
        "bytes": 10_001,
        "changes": {"kept": {"progressive": 1}, "reduced": {"too large": 1}},
        "bad": 2,
    }


def test_the_index_is_in_the_order_of_the_samples(tmp_path):
    samples = Samples([b""] * 5, [5, 6, 7, 8, 9], classes=list("abcdefghij"))
    part = Part(split="", train=True, samples=samples, origin="", name=None)
    write_index(tmp_path, journal(tmp_path), part, list("abcde"), ORDER)
    index = open_pack_index(tmp_path / "pack.index")
    assert index.members["offset"].tolist() == [1000, 1001, 1002, 1003, 1004]
    assert index.members["size"].tolist() == [10, 11, 12, 13, 14]
    assert index.members["crc"].tolist() == [2**32 - 1 - i for i in range(5)]
    assert index.members["shard"].tolist() == [0, 1, 1, 0, 0]
    assert bytes(index.names) == b"a.e0b.e1c.e2d.e3e.e4"
    assert index.targets.tolist() == [5, 6, 7, 8, 9]
    assert index.shards == [("shard-000000.tar", 5000), ("shard-000001.tar", 5001)]
    assert (index.classes, index.in_place) == (list("abcdefghij"), False)


def test_the_account(tmp_path):
    write_manifest(tmp_path, journal(tmp_path), {"source": "ü"})
    lines = Path(tmp_path, "manifest.jsonl").read_bytes().decode("ascii").splitlines()
    assert json.loads(lines[0]) == {"manifest": 1, "source": "ü"}
    assert [json.loads(line)["sample"] for line in lines[1:]] == [4, 0, 2, 1]
