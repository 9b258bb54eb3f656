import io
import json

import numpy as np
import pytest

from fasttricks.data.webdataset import read_tars, tars_in
from fasttricks.errors import DataError
from tests.data.pack_maker import write_tar


def npy(value):
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


def read(tmp_path, *tars):
    paths = [write_tar(tmp_path / f"{n}.tar", members) for n, members in enumerate(tars)]
    return read_tars(paths)


def test_samples_of_several_tars_in_their_order(tmp_path):
    samples = read(
        tmp_path,
        [("b.jpg", b"one"), ("b.cls", b"7"), ("a.JPEG", b"two"), ("a.cls", b" 3\n")],
        [("x/a.png", b"three"), ("x/a.cls.txt", b"-1")],
    )
    assert [samples.read(i) for i in range(3)] == [b"one", b"two", b"three"]
    assert samples.targets.tolist() == [7, 3, -1]
    assert samples.targets.dtype == np.int64
    assert samples.classes == []
    assert samples.name(2) == f"{tmp_path / '1.tar'}/x/a.png"
    assert [samples.member(i) for i in range(3)] == [b"b.jpg", b"a.JPEG", b"x/a.png"]


def test_files_of_a_sample_need_not_be_neighbours_nor_the_picture_first(tmp_path):
    members = [("a.cls", b"1"), ("b.cls", b"2"), ("b.jpg", b"B"), ("a.jpg", b"A")]
    samples = read(tmp_path, members)
    assert [samples.read(i) for i in range(2)] == [b"A", b"B"]
    assert samples.targets.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({"npy": npy(np.float32([0.5, 0.25]))}, np.float32([0.5, 0.25])),
        ({"npy": npy(np.uint8(3))}, np.uint8(3)),
        ({"json": b'{"cls": 4, "label": 5}'}, 4),
        ({"json": b'{"label": [1, 0, 1]}'}, [1, 0, 1]),
        ({"json": b'{"label": 0.5, "text": "x"}'}, 0.5),
        ({"cls": b"2", "npy": npy(np.zeros(3)), "json": b"{}"}, 2),
        ({"json": b'{"caption": "a cat"}', "npy": npy(np.int32(6))}, np.int32(6)),
    ],
    ids=str,
)
def test_where_targets_stand(tmp_path, files, target):
    members = [(f"{key}.{e}", data) for key in "ab" for e, data in {"jpg": b"x", **files}.items()]
    samples = read(tmp_path, members)
    assert np.array_equal(samples.targets, [target, target])
    assert samples.targets.dtype == np.asarray([target]).dtype


@pytest.mark.parametrize("top", ["", "./", "set/train/", "/abs/"])
def test_class_folders_where_no_sample_has_a_target(tmp_path, top):
    samples = read(
        tmp_path,
        [(f"{top}dog/1.jpg", b"1"), (f"{top}cat/deep/2.jpg", b"2")],
        [(f"{top}cat/3.jpg", b"3"), (f"{top}cat/3.json", b'{"width": 3}')],
    )
    assert samples.classes == ["cat", "dog"]
    assert samples.targets.tolist() == [1, 0, 0]


def test_one_class_folder(tmp_path):
    samples = read(tmp_path, [("train/cat/1.jpg", b"1"), ("train/cat/2.jpg", b"2")])
    assert samples.classes == ["cat"]
    assert samples.targets.tolist() == [0, 0]


def test_what_is_no_part_of_a_sample(tmp_path):
    junk = [("README", b""), (".hidden.jpg", b""), ("d/._a.jpg", b""), ("stats.json", b"not JSON")]
    samples = read(tmp_path, [*junk, ("a.jpg", b"A"), ("a.cls", b"0"), ("a.txt", b"caption")])
    assert [samples.read(i) for i in range(len(samples))] == [b"A"]


def test_keys_end_at_the_first_dot(tmp_path):
    members = [("v1.0/a.jpg", b"1"), ("v1.0/a.cls", b"1"), ("b.seg.png", b""), ("b.jpg", b"2")]
    samples = read(tmp_path, [*members, ("b.cls", b"2"), ("c.small.jpg", b"3"), ("c.cls", b"3")])
    assert [samples.read(i) for i in range(3)] == [b"1", b"2", b"3"]
    assert samples.targets.tolist() == [1, 2, 3]


GOOD = [("g.jpg", b"G"), ("g.cls", b"0")]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("a.jpg", b""), ("a.cls", b"1"), ("a.jpg", b"")], "'a' has two files .* .jpg"),
        ([("a.jpg", b""), ("a.JPG", b""), ("a.cls", b"1")], "'a' has two files .* .jpg"),
        ([("a.jpg", b""), ("a.png", b""), ("a.cls", b"1")], "'a' has several pictures: .jpg, .png"),
        ([("a.1.jpg", b""), ("a.2.jpg", b"")], "'a' has several pictures: .1.jpg, .2.jpg"),
        ([("d/a.jpg", b"")], "'d/a' has no target .*; others have"),
        ([("a.cls", b"1")], "'a' has a target but no picture"),
        ([("a.jpg", b""), ("a.cls", b"cat")], r"'a': its target \(.cls\) cannot be read"),
        ([("a.jpg", b""), ("a.cls", b"9" * 30)], r"'a': its target \(.cls\) cannot be read"),
        ([("a.jpg", b""), ("a.cls", b"")], r"'a': its target \(.cls\) cannot be read"),
        ([("a.jpg", b""), ("a.npy", b"no")], r"'a': its target \(.npy\) cannot be read"),
        ([("a.jpg", b""), ("a.npy", npy(np.array(["x"])))], r"\(.npy\) cannot be read: no number"),
        ([("a.jpg", b""), ("a.json", b"{")], r"'a': its target \(.json\) cannot be read"),
        ([("a.jpg", b""), ("a.json", b'{"cls": "cat"}')], r"\(.json\) cannot be read: no number"),
        ([("a.jpg", b""), ("a.npy", npy(np.zeros(2)))], r"'a' has a target of shape \[2\]"),
    ],
    ids=str,
)
def test_bad_samples_name_tar_and_key(tmp_path, members, words):
    with pytest.raises(DataError, match=words) as error:
        read(tmp_path, GOOD, members)
    assert str(error.value).startswith(f"{tmp_path / '1.tar'}: ")
    assert "\n" not in str(error.value)


def test_pickled_arrays_are_not_loaded(tmp_path):
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"its target \(.npy\) cannot be read"):
        read(tmp_path, [("a.jpg", b""), ("a.npy", file.getvalue())])


@pytest.mark.parametrize("names", [["a.jpg", "b.jpg"], ["a.jpg", "d/b.jpg"]])
def test_no_targets_and_no_class_folders(tmp_path, names):
    with pytest.raises(DataError, match=r"0.tar: 'a' has no target: neither .* nor a class folder"):
        read(tmp_path, [(name, b"") for name in names])


def test_no_pictures(tmp_path):
    with pytest.raises(DataError, match=r"no pictures in .*0\.tar"):
        read(tmp_path, [("a.txt", b"")])
    with pytest.raises(DataError, match="no pictures in no tars"):
        read_tars([])


def test_the_same_key_in_two_tars_is_two_samples(tmp_path):
    """Many write their keys anew from 0 in each tar."""
    samples = read(tmp_path, GOOD, [("g.jpg", b"other"), ("g.cls", b"1")])
    assert [samples.read(i) for i in range(2)] == [b"G", b"other"]


def test_as_the_webdataset_library_groups_them(tmp_path):
    """Its own reader gives the same samples in the same order, where it is installed."""
    library = pytest.importorskip("webdataset")
    members = [(f"d.{n % 2}/x{n}.{e}", b"%d" % n) for n in range(20) for e in ("JPG", "cls")]
    samples = read(tmp_path, [*members, ("README", b""), ("s.txt", b"")])
    theirs = list(library.WebDataset(str(tmp_path / "0.tar"), shardshuffle=False))
    theirs = [sample for sample in theirs if "jpg" in sample]
    assert [sample["jpg"] for sample in theirs] == [samples.read(i) for i in range(20)]
    assert [int(sample["cls"]) for sample in theirs] == samples.targets.tolist()
    assert [f"{sample['__key__']}.JPG".encode() for sample in theirs] == [
        samples.member(i) for i in range(20)
    ]


def test_tars_of_a_folder(tmp_path):
    for name in ("b.tar", "a.tar", ".c.tar", "d.tar.gz", "e.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in tars_in(tmp_path)] == ["a.tar", "b.tar"]


def test_json_numbers_keep_their_kind(tmp_path):
    members = []
    for key, value in (("a", 1), ("b", 0.5)):
        members += [(f"{key}.jpg", b""), (f"{key}.json", json.dumps({"cls": value}).encode())]
    assert read(tmp_path, members).targets.tolist() == [1.0, 0.5]
