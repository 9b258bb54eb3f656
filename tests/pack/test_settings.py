import pytest

from fasttricks.pack.settings import PackSettings


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_size": 0}, "max_size must be at least 1; got 0"),
        ({"quality": 80}, "give max_size, too"),
        ({"quality": 0, "max_size": 8}, r"quality must lie in \[1, 100\]; got 0"),
        ({"quality": 101, "max_size": 8}, r"quality must lie in \[1, 100\]; got 101"),
        ({"shard_size": 0}, "shard_size must be more than 0"),
        ({"shard_size": float("nan")}, "shard_size must be more than 0"),
        ({"shard_size": float("inf")}, "shard_size must be more than 0"),
    ],
)
def test_what_cannot_be_set(given, words):
    with pytest.raises(ValueError, match=words):
        PackSettings(**given)


def test_what_is_stated():
    assert PackSettings().stated()["settings"]["quality"] is None
    stated = PackSettings(max_size=256).stated()
    assert (stated["settings"]["quality"], stated["settings"]["chroma"]) == (90, "4:2:0")
    assert PackSettings(shard_size=0.5).shard_bytes == 500_000
    # Whether the seek index is made too changes no byte of the shards.
    assert PackSettings(index=False).stated() == PackSettings().stated()
    assert PackSettings(baseline=True).stated() != PackSettings().stated()
