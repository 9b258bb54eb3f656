"""Reading the files of a data set together with the time stamp they had."""

import os
import pickle
from pathlib import Path

import pytest

from fasttricks.data import samples
from fasttricks.data.samples import Samples, Stamp
from fasttricks.errors import BadSampleError


def test_empty_files_and_memory(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert Samples([tmp_path / "empty"]).read_stamped(0)[0] == b""
    assert Samples([b"abc"]).read_stamped(0) == (b"abc", Stamp(3, 0))


def test_what_cannot_be_read_says_why(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    found = Samples([tmp_path / n for n in ("missing.jpg", "pipe.jpg", "folder.jpg")])
    with pytest.raises(BadSampleError, match=r"missing.jpg.*No such file") as caught:
        found.read_stamped(0)
    assert caught.value.__cause__.errno == 2
    for index in (1, 2):  # the pipe would be waited for without end
        with pytest.raises(BadSampleError, match="not a regular file"):
            found.read_stamped(index)


def test_a_folder_left_since_is_named(tmp_path, monkeypatch):
    """Hydra leaves it, for one."""
    (tmp_path / "a.jpg").write_bytes(b"a")
    monkeypatch.chdir(tmp_path)
    found = Samples(["a.jpg", "b.jpg", tmp_path / "c.jpg"])
    with pytest.raises(BadSampleError, match=r"\(b.jpg\): .*: No such file or directory$"):
        found.read(1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    here = rf"\(the path is relative to {tmp_path}, and the current folder another now\)$"
    for opened in (found, found.take([0]), pickle.loads(pickle.dumps(found))):
        with pytest.raises(BadSampleError, match=rf"\(a.jpg\): .*No such file or directory {here}"):
            opened.read(0)
    with pytest.raises(BadSampleError, match=r"No such file or directory$"):
        found.read(2)


@pytest.mark.parametrize(("content", "told"), [(b"longer", 3), (b"short", 9)])
def test_a_file_that_is_being_written_is_not_taken(tmp_path, monkeypatch, content, told):
    (tmp_path / "a.jpg").write_bytes(content)
    real = os.fstat

    def fstat(file):
        found = list(real(file))
        found[6] = told
        return os.stat_result(found, {"st_mtime_ns": 1})

    monkeypatch.setattr(samples.os, "fstat", fstat)
    with pytest.raises(BadSampleError, match="its length changes"):
        Samples([tmp_path / "a.jpg"]).read_stamped(0)


def test_short_reads_are_continued(tmp_path, monkeypatch):
    content = bytes(range(256)) * 4
    (tmp_path / "a.jpg").write_bytes(content)
    real = os.read
    monkeypatch.setattr(samples.os, "read", lambda file, size: real(file, min(size, 100)))
    assert Samples([Path(tmp_path, "a.jpg")]).read_stamped(0)[0] == content
