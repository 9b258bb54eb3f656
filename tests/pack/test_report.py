from collections import Counter
from pathlib import Path

from fasttricks.errors import BadSampleError
from fasttricks.pack.manifest import Summary
from fasttricks.pack.report import PackReport


def summary(samples, shards, changes=(), bad=0):
    return Summary(
        samples=samples,
        shards=shards,
        size_bytes=10**6 * samples,
        changes=Counter(dict(changes)),
        bad=[BadSampleError(i, f"x{i}", "why") for i in range(bad)],
    )


def report(**parts):
    named = {name.replace("whole", ""): part for name, part in parts.items()}
    return PackReport(path=Path("p"), parts=named, shards_before=0, seconds=1.25)


def test_one_part():
    told = str(report(whole=summary(1500, 1)))
    assert told == "p: 1,500 samples, 1 shard, 1,500.0 MB, 1.2 s; 0 bad"


def test_two_parts_are_added():
    changes = {("baseline", "progressive"): 2, ("kept", "several scans"): 1}
    both = report(train=summary(3, 2, changes), val=summary(1, 1, changes, 1))
    assert str(both).splitlines() == [
        "p: 4 samples (train 3, val 1), 3 shards, 4.0 MB, 1.2 s; 1 bad",
        "  4 made baseline without loss (progressive)",
        "  2 kept as they are, for what was asked cannot be done well (several scans)",
        "  bad: sample 0 (x0): why",
    ]
