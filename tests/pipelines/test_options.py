from pathlib import Path

import pytest

from fasttricks.pipelines.options import Options


@pytest.mark.parametrize("given", [{"cut": False}, {"index": False}, {"cut": False, "index": "x"}])
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
        ({"exact": 0}, "exact must be True or False; got 0"),
        ({"batch_size": 0}, "batch_size must be an integer >= 1"),
        ({"rank": 1}, "rank must lie in"),
        ({"size": 0}, "size must be an integer in"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        Options(**{"batch_size": 1, **wrong})


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
