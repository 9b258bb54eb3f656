"""Compiled code is kept where that is possible, and a kernel works where it is not."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import pytest

from fasttricks.cache import cache_dir, spare_dir
from fasttricks.kernels import kept
from fasttricks.kernels.kept import Kept


def twice(x):
    return 2 * x


def dispatcher():
    """`twice` as a new process would have it."""
    compiled = numba.njit(twice)
    compiled._cache = Kept(twice, "numba/test")
    return compiled


def comes_from_disk():
    """Whether its code is found, once it is called; it must work in any case."""
    compiled = dispatcher()
    assert compiled(4) == 8
    return sum(compiled.stats.cache_hits.values()) == 1


def code_in(folder):
    return [path for path in folder.rglob("*.nbc") if path.name.startswith("test_kept.twice")]


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A cache folder and temporary files of this test's own, and nothing said yet."""
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.delenv("RANK", raising=False)
    kept.tell.cache_clear()


@pytest.fixture
def unwritable(monkeypatch):
    """Call it with folders: nothing can be written to them from then on, not even by root."""

    def make(*folders, why=errno.EROFS):
        saved = kept._Folder.save_overload

        def save(self, sig, data):
            if any(Path(self.cache_path).is_relative_to(folder) for folder in folders):
                raise OSError(why, os.strerror(why))
            saved(self, sig, data)

        monkeypatch.setattr(kept._Folder, "save_overload", save)

    return make


def test_code_is_kept_in_the_cache_folder(capsys):
    assert not comes_from_disk()
    assert comes_from_disk()
    assert len(code_in(cache_dir())) == 1
    assert not spare_dir().exists()
    assert capsys.readouterr().err == ""


def test_a_folder_that_can_only_be_read_is_read(unwritable, capsys):
    comes_from_disk()
    unwritable(cache_dir())
    assert comes_from_disk()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("why", [errno.EROFS, errno.ENOSPC, errno.EFBIG])
def test_another_folder_where_the_first_cannot_be_written(unwritable, capsys, why):
    unwritable(cache_dir(), why=why)
    assert not comes_from_disk()
    assert comes_from_disk()
    assert len(code_in(spare_dir())) == 1
    assert spare_dir().stat().st_mode & 0o777 == 0o700
    (line,) = capsys.readouterr().err.splitlines()
    assert str(cache_dir()) in line
    assert os.strerror(why) in line
    assert str(spare_dir()) in line


def test_a_cache_folder_that_cannot_be(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "file" / "cache"))
    assert not comes_from_disk()
    assert comes_from_disk()


def test_kernels_work_where_nothing_can_be_written(unwritable, capsys):
    unwritable(cache_dir(), spare_dir())
    beside = set(Path(__file__).parent.rglob("*.nb?"))
    assert not comes_from_disk()
    assert not comes_from_disk()
    assert set(Path(__file__).parent.rglob("*.nb?")) == beside
    (line,) = capsys.readouterr().err.splitlines()
    assert "each process compiles its own" in line


@pytest.mark.parametrize("shared", ["writable", "link", "file"])
def test_code_that_others_can_have_written_is_not_run(unwritable, tmp_path, shared):
    unwritable(cache_dir())
    assert not comes_from_disk()
    assert comes_from_disk()
    if shared == "writable":
        spare_dir().chmod(0o777)
    else:
        spare_dir().rename(tmp_path / "theirs")
        if shared == "link":
            spare_dir().symlink_to(tmp_path / "theirs")
        else:
            spare_dir().write_text("")
    before = code_in(tmp_path)
    assert not comes_from_disk()
    assert code_in(tmp_path) == before


def test_one_process_of_several_speaks(unwritable, monkeypatch, capsys):
    unwritable(cache_dir())
    monkeypatch.setenv("RANK", "1")
    comes_from_disk()
    assert capsys.readouterr().err == ""


def test_our_kernels_do_so(tmp_path):
    """In a process of its own, whose cache folder is no folder."""
    (tmp_path / "cache").write_text("")
    program = "from fasttricks.kernels.filters import radius as r; print(r(0), type(r._cache))"
    command = [sys.executable, "-c", program]
    elsewhere = os.environ | {"TMPDIR": str(tmp_path / "tmp")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=elsewhere)
    assert done.stdout.startswith("1.0")
    assert "Kept" in done.stdout
    (line,) = done.stderr.splitlines()
    assert "Not a directory" in line
