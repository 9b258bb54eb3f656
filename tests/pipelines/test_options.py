from pathlib import Path

import numpy as np
import pytest
import torch

from fasttricks import Mixup
from fasttricks.pipelines.options import MOST_THREADS, Options, epoch_number


@pytest.mark.parametrize(
    "given", [{"cut": False}, {"index": False}, {"cut": False, "index": False}]
)
def test_two_ways_to_decode_whole_files(given):
    options = Options(batch_size=1, **given)
    assert (options.cut, options.index) == (False, False)


@pytest.mark.parametrize("index", [True, "x.seek", Path("x.seek")])
def test_an_index_may_be_named(index):
    options = Options(batch_size=1, index=index)
    assert options.cut is True
    assert options.index == index


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"index": None}, "index must be True, False, or the path of a seek index; got None"),
        ({"index": 1}, "index must be"),
        ({"finish": "graph", "work": "decode"}, 'finish="graph" .* work="decode" stops before'),
        ({"finish": "fused", "work": "decode"}, 'finish="fused" .* work="decode" stops before'),
        ({"exact": 0}, "exact must be True or False; got 0"),
        ({"train": "no"}, "train must be True or False; got 'no'"),
        ({"drop_last": 1}, "drop_last must be True or False; got 1"),
        ({"cut": None}, "cut must be True or False; got None"),
        ({"cut": False, "index": Path("x.seek")}, "cut=False .* index x.seek .* leave out one"),
        ({"batch_size": True}, "batch_size must be an integer >= 1; got True"),
        ({"size": True}, "size must be an integer in .*; got True"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1"),
        ({"batch_size": 2.0}, "batch_size must be an integer >= 1; got 2.0"),
        ({"num_threads": "2"}, r"num_threads must be an integer in \[1, 1024\]; got '2'"),
        ({"num_threads": 0}, r"num_threads must be an integer in \[1, 1024\]; got 0"),
        ({"num_threads": 1025}, r"num_threads must be an integer in \[1, 1024\]; got 1025"),
        ({"seed": -1}, "seed must be an integer in"),
        ({"seed": 2**64}, r"seed must be an integer in \[0, 2\*\*64\); got 18446744073709551616"),
        ({"seed": "1"}, "seed must be an integer in"),
        ({"rank": "0"}, "rank must lie in"),
        ({"size": 2.5}, "size must be an integer in"),
        ({"rank": 1}, "rank must lie in"),
        ({"size": 0}, "size must be an integer in"),
        ({"size": 16385}, r"size must be an integer in \[1, 16384\]; got 16385"),
        ({"dtype": "float16"}, "torch.float16, torch.bfloat16; got 'float16'"),
        ({"device": torch.device("meta")}, r"cpu or cuda\[:n\]; got 'meta'"),
        (
            {"batch_size": 8, "mix": (Mixup(),)},
            "a batch of 8 .*; give another batch_size or another mix_group",
        ),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Options(**{"batch_size": 1, **wrong})


def test_integers_of_other_libraries_become_pythons():
    given = {"batch_size": np.int64(4), "seed": np.uint64(7), "size": np.int32(9), "num_threads": 1}
    options = Options(**given, rank=np.int8(1), world_size=torch.tensor(2))
    for name in ("batch_size", "seed", "rank", "world_size", "num_threads"):
        assert type(getattr(options, name)) is int
    assert (options.batch_size, options.seed, options.rank) == (4, 7, 1)
    assert type(options.size_at(0)) is int
    assert type(Options(batch_size=1, size=lambda epoch: np.int64(32 + epoch)).size_at(1)) is int


def test_the_largest_that_is_taken():
    largest = {"seed": 2**64 - 1, "size": 16384, "num_threads": MOST_THREADS}
    options = Options(batch_size=1, **largest)
    assert {name: getattr(options, name) for name in largest} == largest
    assert epoch_number(2**32 - 1) == 2**32 - 1


def test_as_many_threads_as_cpus_up_to_what_is_taken(monkeypatch):
    monkeypatch.setattr("fasttricks.pipelines.options.available_cpus", lambda: 3)
    assert Options(batch_size=1).num_threads == 3
    monkeypatch.setattr("fasttricks.pipelines.options.available_cpus", lambda: 5000)
    assert Options(batch_size=1).num_threads == MOST_THREADS


def test_exact_unless_asked_for():
    assert Options(batch_size=1).exact is True


def test_a_world_size_without_a_rank_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(ValueError, match="WORLD_SIZE=2 but no RANK"):
        Options(batch_size=1)
    assert Options(batch_size=1, rank=1, world_size=2).rank == 1
    monkeypatch.setenv("RANK", "1")
    assert Options(batch_size=1).rank == 1
