"""Reading the files of a data set together with the time stamp they had."""

import os
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
