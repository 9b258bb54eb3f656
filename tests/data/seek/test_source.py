import hashlib
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasttricks.data.samples import Samples, Stamp
from fasttricks.data.seek import source as seek_source
from fasttricks.data.seek.source import names_of

part = st.binary(min_size=1, max_size=5).filter(lambda b: b"/" not in b and b"\0" not in b)
path = st.lists(part, min_size=1, max_size=4).map(b"/".join)


def plain_names(paths):
    """(root, names) the slow way."""
    root = min(paths)
    while not all(p.startswith(root) for p in paths) or not (root == b"" or root.endswith(b"/")):
        root = root[:-1]
    return root, [p[len(root) :] for p in paths]


def split(names):
    block, ends = b"".join(names.pieces()), names.ends.tolist()
    return [block[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]


@given(st.lists(path, min_size=1, max_size=30), st.sampled_from([b"", b"/", b"/data/", b"a/b/"]))
@settings(deadline=None)
def test_names_and_root_as_the_plain_way(relative, prefix):
    paths = [prefix + name for name in relative]
    root, expected = plain_names(paths)
    names = names_of(Samples([os.fsdecode(p) for p in paths]))
    assert names.root == root
    assert split(names) == expected
    ends = np.cumsum([len(n) for n in expected]).astype("<u8").tobytes()
    assert names.digest == hashlib.sha256(ends + b"".join(expected)).digest()


def test_long_lists_are_taken_in_pieces(monkeypatch):
    paths = [f"/root/{'x' * (i % 5)}/{i}.jpg" for i in range(1000)]
    whole = names_of(Samples(paths))
    monkeypatch.setattr(seek_source, "_PIECE", 7)
    pieces = names_of(Samples(paths))
    assert len(list(pieces.pieces())) == 143
    assert pieces.digest == whole.digest
    assert split(pieces) == [os.fsencode(p.removeprefix("/root/")) for p in paths]


def test_digest_depends_on_names_and_order_but_not_on_the_root():
    def digest(*paths):
        return names_of(Samples(paths)).digest

    assert digest("/a/x/1.jpg", "/a/y/2.jpg") == digest("/other/x/1.jpg", "/other/y/2.jpg")
    assert digest("/a/x/1.jpg", "/a/y/2.jpg") != digest("/a/y/2.jpg", "/a/x/1.jpg")
    assert digest("/a/x/12", "/a/y/3") != digest("/a/x/1", "/a/2y/3")
    assert digest("/a/1", "/a/23") != digest("/a/12", "/a/3")  # the same when joined


def test_duplicates_and_single_paths():
    same = names_of(Samples(["/a/b.jpg"] * 3))
    assert (same.root, split(same)) == (b"/a/", [b"b.jpg"] * 3)
    one = names_of(Samples(["b.jpg"]))
    assert (one.root, split(one)) == (b"", [b"b.jpg"])


def test_pictures_in_memory_have_empty_names():
    names = names_of(Samples([b"one", b"two"]))
    assert (names.root, split(names)) == (b"", [b"", b""])


def test_unpickled_samples_have_the_same_names():
    samples = Samples(["/a/x/1.jpg", "/a/y/2.jpg"])
    assert names_of(pickle.loads(pickle.dumps(samples))).digest == names_of(samples).digest


@pytest.mark.parametrize("name", ["ü→.jpg", "new\nline.jpg", os.fsdecode(b"\xff\xfe.jpg"), " .jpg"])
def test_odd_names_are_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"content")
    samples = Samples([tmp_path / name])
    assert split(names_of(samples)) == [os.fsencode(name)]
    data, found = samples.read_stamped(0)
    assert data == b"content"
    assert found == Stamp(7, (tmp_path / name).stat().st_mtime_ns) == samples.stamp(0)


def test_stamps(tmp_path):
    assert Samples([b"abc"]).stamp(0) == Stamp(3, 0)
    assert Samples([tmp_path / "missing.jpg"]).stamp(0) is None
