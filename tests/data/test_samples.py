import os
import pickle

import numpy as np
import pytest
import torch

from fasttricks.data import Samples
from fasttricks.errors import BadSampleError, DataError


def test_bytes_come_back_by_index():
    pictures = [b"first", b"", b"the third"]
    samples = Samples(pictures, [3, 1, 2])
    assert [samples.read(i) for i in range(3)] == pictures
    assert samples.targets.tolist() == [3, 1, 2]
    assert samples.name(2) == "sample 2"
    assert samples.path(2) is None


def test_paths_of_any_kind(tmp_path):
    names = ["plain.jpg", "ünïcode ☃.jpg", os.fsdecode(b"not-utf8-\xff.jpg"), "new\nline.jpg"]
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(bytes([i] * 10))
    samples = Samples([str(tmp_path / name) for name in names])
    assert [samples.read(i) for i in range(4)] == [bytes([i] * 10) for i in range(4)]
    assert samples.path(1) == tmp_path / names[1]
    assert samples.targets.tolist() == [0] * 4


def test_names_as_a_seek_index_takes_them():
    files, memory = Samples(["/a/b.jpg", "/a/c.jpg"]), Samples([b"x", b"yz"])
    block, ends, root = files.joined_names()
    assert (block, ends.tolist(), root) == (b"/a/b.jpg/a/c.jpg", [8, 16], None)
    block, ends, root = memory.joined_names()
    assert (block, ends.tolist(), root) == (b"", [0, 0], b"")
    assert files.seek_index is None
    assert files.repeat(2).seek_index is None
    with pytest.raises(TypeError, match="give their `base`"):
        files.repeat(2).joined_names()


def test_repeats_are_the_same_samples(tmp_path):
    (tmp_path / "a").write_bytes(b"A")
    samples = Samples([tmp_path / "a", tmp_path / "gone"]).repeat(2)
    assert samples.read_stamped(2) == samples.read_stamped(0)
    assert samples.stamp(2) == samples.read_stamped(2)[1]
    assert samples.stamp(3) is None
    assert samples.path(3) == tmp_path / "gone"
    assert samples.name(3) == str(tmp_path / "gone")
    with pytest.raises(BadSampleError, match="No such file") as error:
        samples.read(3)
    assert error.value.index == 3
    assert isinstance(error.value.__cause__, FileNotFoundError)


def test_repeats_of_repeats_multiply(tmp_path):
    files = Samples([tmp_path / "a", tmp_path / "b"], [3, 4])
    twice = files.repeat(2).repeat(3).repeat(1)
    assert twice.base is files
    assert len(twice) == 12
    assert twice.targets.tolist() == [3, 4] * 6
    assert twice.path(11) == tmp_path / "b"
    with pytest.raises(ValueError, match="at least 1; got 0"):
        files.repeat(2).repeat(0)


def test_what_is_taken_is_what_it_is_taken_from(tmp_path):
    for name in "abcd":
        (tmp_path / name).write_text(name * 9)
    files = Samples(
        [tmp_path / name for name in "abcd"], [[i, 1] for i in range(4)], classes=["x", "y"]
    )
    taken = files.take([3, 1, 3])
    assert [taken.read(i) for i in range(len(taken))] == [b"d" * 9, b"b" * 9, b"d" * 9]
    assert taken.targets.tolist() == [[3, 1], [1, 1], [3, 1]]
    assert (taken.classes, taken.base, taken.in_memory) == (files.classes, files, False)
    assert taken.numbers(np.array([1, 0])).tolist() == [1, 3]
    assert [taken.number(i) for i in range(3)] == [3, 1, 3]
    assert taken.path(1) == tmp_path / "b"
    assert taken.stamp(1) == files.stamp(1)
    assert repr(taken) == f"Taken(3 of {files!r})"
    mask = files.take(files.targets[:, 0] % 2 == 1)
    assert [mask.path(i).name for i in range(len(mask))] == ["b", "d"]
    (tmp_path / "d").unlink()
    with pytest.raises(BadSampleError, match="No such file") as error:
        taken.read(2)
    assert (error.value.index, error.value.name) == (2, str(tmp_path / "d"))


def test_messages_tell_both_numbers_of_a_picture_without_a_name():
    taken = Samples([b"a", b"b"]).take([1])
    assert taken.name(0) == "sample 1 of its base"


def test_taking_and_repeating_go_together():
    base = Samples([bytes([i]) for i in range(10)], np.arange(10) * 10)
    rng, chosen, samples = np.random.default_rng(0), np.arange(10), base
    for step in range(8):
        if step % 3 == 1:
            samples, chosen = samples.repeat(3), np.tile(chosen, 3)
        else:
            here = rng.integers(0, len(samples), rng.integers(1, 2 * len(samples)))
            samples, chosen = samples.take(here), chosen[here]
        assert samples.base is base
        assert samples.numbers(np.arange(len(samples))).tolist() == chosen.tolist()
        assert samples.targets.tolist() == (chosen * 10).tolist()
        assert [samples.read(i)[0] for i in range(len(samples))] == chosen.tolist()
    with pytest.raises(IndexError, match=rf"\[0, {len(samples)}\); got {len(samples)}"):
        samples.take([len(samples)])


def test_a_repeat_holds_no_list_of_its_samples():
    samples = Samples([b"x"] * 100, np.zeros(100, np.uint8))
    assert len(pickle.dumps(samples.repeat(1000))) < 1.1 * 100_000  # a byte each, for the targets


def test_what_is_taken_survives_pickling():
    taken = pickle.loads(pickle.dumps(Samples([b"a", b"b", b"c"]).take([2, 0]).repeat(2)))
    assert [taken.read(i) for i in range(4)] == [b"c", b"a", b"c", b"a"]


def test_class_indices_are_those_of_the_classes():
    four = [b"x"] * 4
    with pytest.raises(
        DataError, match=r"with 2 classes .* \[0, 2\); got 7 for sample 2 and 1 more"
    ):
        Samples(four, [0, 1, 7, 2], classes=["a", "b"])
    with pytest.raises(DataError, match=r"got -1 for sample 3$"):
        Samples(four, [0, 1, 1, -1], classes=["a", "b"])
    for targets in ([0, 1, 1, 0], [0.5, 7.0, 1.0, 2.0], [[7, 7]] * 4):
        Samples(four, targets, classes=["a", "b"])
    Samples(four, [0, 1, 2, 7])


def test_pickling_keeps_everything():
    samples = pickle.loads(
        pickle.dumps(Samples([b"a", b"bc"], [[0.5, 0.5], [1, 0]], classes=["x", "y"]))
    )
    assert samples.read(1) == b"bc"
    assert samples.targets.shape == (2, 2)
    assert samples.classes == ["x", "y"]


def test_a_million_paths_are_compact():
    samples = Samples([f"/data/train/n{i % 1000:08d}/image_{i}.JPEG" for i in range(100_000)])
    assert len(pickle.dumps(samples)) < 100_000 * 70


def test_unreadable_file_names_itself(tmp_path):
    with pytest.raises(BadSampleError, match="No such file") as error:
        Samples([tmp_path / "gone.jpg"]).read(0)
    assert error.value.index == 0
    assert "gone.jpg" in str(error.value)
    again = pickle.loads(pickle.dumps(error.value))
    assert (again.index, again.name, again.cause) == (0, error.value.name, error.value.cause)


def test_bad_arguments():
    with pytest.raises(DataError, match="no pictures"):
        Samples([])
    with pytest.raises(DataError, match="2 pictures but 1 targets"):
        Samples([b"a", b"b"], [1])
    with pytest.raises(DataError, match="numbers"):
        Samples([b"a", b"b"], np.array([{}, None], dtype=object))


NUMBERS = "targets must be an array"


@pytest.mark.parametrize(
    "targets",
    [
        ["cat", "dog"],
        [b"cat", b"dog"],
        [1j, 2],
        [2**70, 1],
        [[1], [1, 2]],
        [[1, 2], 3],
        3,
        np.float32(3),
        {"a": 1, "b": 2},
        pytest.param((n for n in range(2)), id="generator"),
        np.zeros(2, np.longdouble),
        np.zeros(2, "M8[s]"),
        np.zeros(2, [("a", "i4"), ("b", "f4")]),
    ],
    ids=repr,
)
def test_targets_that_are_no_numbers(targets):
    with pytest.raises(DataError, match=NUMBERS) as error:
        Samples([b"a", b"b"], targets)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", [">i8", ">f4", ">u2", "<i4", "?", "f2", "u8"])
@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_targets_are_ready_for_torch(dtype, shape):
    given = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    samples = Samples([b"a", b"b", b"c"], given)
    assert samples.targets.dtype.isnative
    assert samples.targets.dtype == given.dtype.newbyteorder("=")
    assert np.array_equal(samples.targets, given)
    assert np.array_equal(torch.from_numpy(samples.targets).numpy(), given)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ([b"a", "b"], "all paths or all bytes; got bytes, str"),
        (["a", b"b"], "all paths or all bytes; got bytes, str"),
        ([3, 4], "all paths or all bytes; got int"),
        ([b"a", None], "all paths or all bytes; got NoneType, bytes"),
        ("photo.jpg", "a list of paths or a list of bytes; got one str"),
        (b"photo", "a list of paths or a list of bytes; got one bytes"),
        pytest.param(
            iter(["a"]), "a list of paths or a list of bytes; got one list_iterator", id="iterator"
        ),
        (["a\0b"], "holds a null byte"),
        (["\ud800"], "cannot be the path of a file"),
    ],
    ids=repr,
)
def test_pictures_of_no_kind_or_two(pictures, message):
    with pytest.raises(DataError, match=message) as error:
        Samples(pictures)
    assert "\n" not in str(error.value)


def test_kinds_of_one_sort_mix(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    files = Samples([tmp_path / "a", str(tmp_path / "a"), np.str_(tmp_path / "a")])
    memory = Samples([b"x", bytearray(b"x"), memoryview(b"x")])
    for samples in (files, memory):
        assert [samples.read(i) for i in range(3)] == [b"x"] * 3
