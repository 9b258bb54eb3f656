"""Runs that end early: killed, interrupted, out of room. DST is whole or as it was."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from fasttricks.data.samples import Samples
from fasttricks.errors import DataError
from fasttricks.pack import pack
from fasttricks.pack.shards import Shard
from tests.pack.packs import contents, small_folder

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = 0.02
"""Megabytes of a shard: some ten samples."""


@pytest.fixture
def folder(tmp_path):
    return small_folder(tmp_path / "x", 60)


@pytest.fixture
def expected(folder, tmp_path):
    pack(folder, tmp_path / "expected", shard_size=SMALL)
    return contents(tmp_path / "expected")


CODE = """
    import sys, time
    from fasttricks.data.samples import Samples
    from fasttricks.pack import pack
    read = Samples.read
    def slowly(self, index):
        time.sleep(0.05)
        return read(self, index)
    Samples.read = slowly
    pack(sys.argv[1], sys.argv[2], shard_size=float(sys.argv[3]), workers=1)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_gone_on_with(folder, expected, tmp_path, how, monkeypatch):
    target, journal = tmp_path / "p", tmp_path / ".p.part" / "journal"
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CODE), folder, target, str(SMALL)],
        cwd=REPOSITORY,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 180
    while len(list(journal.glob("*.json"))) < 2 and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(how)
    assert child.wait() != 0
    assert not target.exists()
    read = []
    original = Samples.read
    monkeypatch.setattr(Samples, "read", lambda self, i: (read.append(i), original(self, i))[1])
    report = pack(folder, target, shard_size=SMALL)
    assert report.shards_before >= 2
    assert 0 < len(set(read)) < 60
    assert "went on after" in str(report)
    assert contents(target) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expected", "p", "x"]


class Stop(Exception):
    pass


def end_early(folder, target, monkeypatch, error, after=25):
    """A run whose writing fails at a sample's first member."""
    with monkeypatch.context() as patch:
        add, calls = Shard.add, []

        def fails(self, name, data, crc=0):
            calls.append(name)
            if len(calls) > 2 * after:
                raise error
            return add(self, name, data, crc)

        patch.setattr(Shard, "add", fails)
        with pytest.raises((DataError, KeyboardInterrupt, Stop)) as caught:
            pack(folder, target, shard_size=SMALL)
    return str(caught.value)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk(folder, expected, tmp_path, monkeypatch):
    told = end_early(folder, tmp_path / "p", monkeypatch, FULL)
    assert told == (
        f"cannot write {tmp_path}/p: No space left on device; the finished shards are kept in "
        f"{tmp_path}/.p.part, and the same call goes on"
    )
    assert not (tmp_path / "p").exists()
    tars = [path.name for path in (tmp_path / ".p.part").rglob("*.tar")]
    assert sorted(tars) == [f"shard-{n:06d}.tar" for n in range(len(tars))]
    assert len(tars) == len(list((tmp_path / ".p.part" / "journal").iterdir())) > 0
    assert pack(folder, tmp_path / "p", shard_size=SMALL).shards_before == len(tars)
    assert contents(tmp_path / "p") == expected


def test_a_full_disk_before_anything_is_finished(folder, tmp_path, monkeypatch):
    told = end_early(folder, tmp_path / "p", monkeypatch, FULL, after=2)
    assert told == f"cannot write {tmp_path}/p: No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_full_disk_while_indexing(folder, expected, tmp_path, monkeypatch):
    def full(_):
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr("fasttricks.data.seek.writer.SeekWriter.finish", full)
        with pytest.raises(DataError, match=r"cannot write \S*/p: No space left on device; the f"):
            pack(folder, tmp_path / "p", shard_size=SMALL)
    assert not (tmp_path / "p").exists()
    report = pack(folder, tmp_path / "p", shard_size=SMALL)
    assert report.shards_before == report.shards
    assert contents(tmp_path / "p") == expected


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stop(), FULL])
def test_an_older_pack_stays(folder, expected, tmp_path, monkeypatch, error):
    pack(small_folder(tmp_path / "y", 5), tmp_path / "p")
    before = contents(tmp_path / "p")
    end_early(folder, tmp_path / "p", monkeypatch, error)
    assert contents(tmp_path / "p") == before
    pack(folder, tmp_path / "p", shard_size=SMALL)
    assert contents(tmp_path / "p") == expected


@pytest.mark.parametrize("change", ["source", "settings", "file"])
def test_other_work_is_done_anew(folder, tmp_path, monkeypatch, capsys, change):
    end_early(folder, tmp_path / "p", monkeypatch, KeyboardInterrupt())
    size, word = SMALL, "source"
    if change == "settings":
        size, word = 2 * SMALL, "settings"
    elif change == "file":
        path = folder / "class_1" / "picture_31.JPEG"
        path.write_bytes(path.read_bytes()[:-2] + b"\0\xff\xd9")
    else:
        (folder / "class_1" / "picture_31.JPEG").unlink()
    report = pack(folder, tmp_path / "p", shard_size=size)
    assert report.shards_before == 0
    assert f"the {word} changed since the earlier run: packing" in capsys.readouterr().err
    pack(folder, tmp_path / "q", shard_size=size)
    assert contents(tmp_path / "p") == contents(tmp_path / "q")


def test_a_shard_that_was_damaged_meanwhile_is_made_again(folder, expected, tmp_path, monkeypatch):
    end_early(folder, tmp_path / "p", monkeypatch, KeyboardInterrupt())
    shards = sorted((tmp_path / ".p.part").rglob("*.tar"))
    shards[1].write_bytes(shards[1].read_bytes()[:-1])
    assert pack(folder, tmp_path / "p", shard_size=SMALL).shards_before == 1
    assert contents(tmp_path / "p") == expected
