import numpy as np
import pytest

from fasttricks import Samples
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.fetch import Fetcher
from fasttricks.pipelines.resident.lookup import Lookup
from fasttricks.pipelines.resident.pictures import ODD, REPAIRED
from tests.pictures import encode, jpeg, smooth_picture

GOOD, PNG = jpeg(20, 30), encode(smooth_picture(20, 20, 2), "PNG")


def lookup(samples, causes, odd=(), on_error="replace", repaired=()):
    marks = np.zeros(len(samples.base), int)
    marks[list(odd)], marks[list(repaired)] = ODD, REPAIRED
    return Lookup(samples, causes, marks, on_error)


@pytest.mark.parametrize("times", [1, 3])
def test_replaces_as_a_fetcher_does(times):
    files = [b"", GOOD, PNG, b"", b"", GOOD, b""]
    samples = Samples(files).repeat(times)
    fetch = Fetcher(samples, "replace")
    found = [fetch(i, epoch=4) for i in range(len(samples))]
    causes = {i % 7: cause for i, cause in fetch.bad.items()}
    shown = lookup(samples, causes, [2])(np.arange(len(samples)), 4)
    assert shown.indices.tolist() == [f.index for f in found]
    assert shown.numbers.tolist() == [f.index % 7 for f in found]
    assert shown.replaced == [f.replaced for f in found if f.replaced]
    assert shown.counts == {"odd": times}


def test_nothing_bad():
    shown = lookup(Samples([GOOD, PNG]), {}, [1])(np.array([1, 0, 1]), 0)
    assert shown.indices.tolist() == [1, 0, 1]
    assert shown.replaced == []
    assert shown.counts == {"odd": 2}


def test_what_pil_repaired_is_counted_apart():
    find = lookup(Samples([GOOD, PNG, GOOD]), {}, [1], repaired=[2])
    assert find(np.array([2, 0, 1, 2]), 0).counts == {"odd": 1, "repaired": 2}
    assert find(np.array([0, 0]), 0).counts == {}


def test_replaced_by_an_odd_one_counts_as_odd():
    shown = lookup(Samples([b"", PNG]), {0: "empty"}, [1])(np.array([0]), 0)
    assert shown.counts == {"odd": 1}


def test_raises_the_first_bad_one():
    find = lookup(Samples([GOOD, b"", b""]), {1: "one", 2: "two"}, on_error="raise")
    with pytest.raises(BadSampleError, match=r"sample 2 \(sample 2\): two"):
        find(np.array([0, 2, 1]), 0)
    assert find(np.array([0, 0]), 0).indices.tolist() == [0, 0]


def test_none_is_good():
    with pytest.raises(DataError, match="none of the 2 pictures can be decoded; sample 1"):
        lookup(Samples([b"", b""]), {0: "empty", 1: "empty"})(np.array([1]), 0)
    with pytest.raises(BadSampleError):
        lookup(Samples([b""]), {0: "empty"}, on_error="raise")(np.array([0]), 0)


def test_of_what_was_taken_as_a_fetcher_does():
    base = Samples([b"", GOOD, PNG, b"", b"", GOOD, b""])
    samples = base.take([4, 5, 0, 0, 2, 5, 6])
    fetch = Fetcher(samples, "replace")
    found = [fetch(i, epoch=4) for i in range(7)]
    causes = {samples.number(i): cause for i, cause in fetch.bad.items()}
    shown = lookup(samples, causes, [2])(np.arange(7), 4)
    assert shown.indices.tolist() == [f.index for f in found] == [1, 1, 4, 4, 4, 5, 1]
    assert shown.numbers.tolist() == [5, 5, 2, 2, 2, 5, 5]
    assert shown.replaced == [f.replaced for f in found if f.replaced]
