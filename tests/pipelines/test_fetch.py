"""Which bytes stand for which sample: good, odd, bad, unreadable and missing files."""

import numpy as np
import pytest

from fasttricks.data import Samples
from fasttricks.data.pixels import decode_rgb
from fasttricks.data.probe import Kind
from fasttricks.errors import BadSampleError, DataError
from fasttricks.pipelines.fetch import Fetcher
from fasttricks.pipelines.job import Replaced
from tests.pictures import encode, jpeg, smooth_picture

PLAIN, ODD, TEXT, FOLDER, MISSING, LAST = range(6)
BAD = {
    TEXT: "PIL does not recognise it",
    FOLDER: "cannot be read: not a regular file",
    MISSING: "cannot be read: No such file or directory",
    LAST: "cannot decode",
}


class Counting(Samples):
    """Samples that note what is read of them."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.asked = []

    def read_stamped(self, index):
        self.asked.append(index)
        return super().read_stamped(index)


@pytest.fixture
def samples(tmp_path):
    """[plain, odd, text, folder, missing, cut short] files, by the numbers above."""
    whole = jpeg(90, 120, seed=1)
    contents = {
        "plain.jpg": jpeg(61, 83, seed=0),
        "odd.png": encode(smooth_picture(50, 60, 2), "PNG"),
        "text.jpg": b"no picture",
        "cut.jpg": whole[: len(whole) // 2],
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.jpg").mkdir()
    names = ["plain.jpg", "odd.png", "text.jpg", "folder.jpg", "missing.jpg", "cut.jpg"]
    return Counting([tmp_path / name for name in names])


@pytest.mark.parametrize("on_error", ["raise", "replace"])
def test_a_plain_file(on_error, samples):
    found = Fetcher(samples, on_error)(PLAIN)
    file = samples.path(PLAIN)
    assert (found.index, found.replaced, found.pixels) == (PLAIN, None, None)
    assert found.data == file.read_bytes()
    assert found.probe.kind == Kind.PLAIN
    assert (found.probe.height, found.probe.width) == (61, 83)
    assert found.stamp == (file.stat().st_size, file.stat().st_mtime_ns)


@pytest.mark.parametrize("on_error", ["raise", "replace"])
def test_an_odd_file_comes_with_its_pixels(on_error, samples):
    found = Fetcher(samples, on_error)(ODD)
    assert (found.index, found.replaced) == (ODD, None)
    assert found.probe.kind == Kind.ODD
    assert np.array_equal(found.pixels, decode_rgb(found.data))


@pytest.mark.parametrize("index", BAD)
def test_raise_names_the_sample_and_the_cause(index, samples):
    fetch = Fetcher(samples, "raise")
    for _ in range(2):  # found, then remembered
        with pytest.raises(BadSampleError, match=BAD[index]) as error:
            fetch(index)
        assert (error.value.index, error.value.name) == (index, str(samples.path(index)))
    assert samples.asked == [index]
    assert fetch(PLAIN).index == PLAIN  # a bad one does not spoil the rest


@pytest.mark.parametrize("index", BAD)
def test_replacement_wraps_around_the_end(index, samples):
    found = Fetcher(samples, "replace")(index, epoch=7)
    assert found.index == PLAIN
    assert found.data == samples.path(PLAIN).read_bytes()
    assert samples.asked == [*range(index, len(samples)), PLAIN]
    cause = found.replaced.cause
    assert BAD[index] in cause
    assert found.replaced == Replaced(7, index, samples.name(index), cause, PLAIN)


def test_replacement_may_be_odd(tmp_path, samples):
    again = Counting([samples.path(i) for i in (TEXT, MISSING, ODD, PLAIN)])
    found = Fetcher(again, "replace")(0)
    assert (found.index, found.probe.kind) == (2, Kind.ODD)
    assert found.pixels.shape == (50, 60, 3)


def test_what_was_bad_is_not_read_again(samples):
    fetch = Fetcher(samples, "replace")
    fetch(TEXT)
    assert sorted(fetch.bad) == sorted(BAD)
    samples.asked.clear()
    samples.path(MISSING).write_bytes(jpeg(20, 20))  # too late: all epochs show the same
    for index in BAD:
        assert fetch(index).index == PLAIN
    assert samples.asked == [PLAIN] * len(BAD)


def test_what_a_back_end_marks_is_bad(samples):
    fetch = Fetcher(samples, "replace")
    fetch.mark(PLAIN, "the decoder says so")
    found = fetch(PLAIN)
    assert found.index == ODD
    assert found.replaced.cause == "the decoder says so"
    assert samples.asked == [ODD]


def test_nothing_good_at_all(samples):
    rotten = Counting([samples.path(index) for index in BAD])
    fetch = Fetcher(rotten, "replace")
    for _ in range(2):
        message = (
            rf"none of the 4 pictures can be decoded; sample 2 \(.*missing\.jpg\): {BAD[MISSING]}"
        )
        with pytest.raises(DataError, match=message):
            fetch(2)
    assert rotten.asked == [2, 3, 0, 1]  # each once
