import os
import pickle

import numpy as np
import pytest

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


def test_pickling_keeps_everything():
    samples = pickle.loads(pickle.dumps(Samples([b"a", b"bc"], [[0.5, 0.5], [1, 0]], classes="xy")))
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
