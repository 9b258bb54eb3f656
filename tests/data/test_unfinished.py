import contextlib
import errno
import fcntl
import os
import threading
import time

import pytest

from fasttricks import locks
from fasttricks.data.unfinished import remove_abandoned, unfinished, unfinished_path
from fasttricks.errors import DataError


def test_appears_complete_or_not_at_all(tmp_path):
    target = tmp_path / "new" / "file.seek"
    with unfinished(target, "it") as work:
        work.file.write(b"half")
        work.file.flush()
        assert unfinished_path(target).read_bytes() == b"half"
        assert not target.exists()
        work.file.write(b" and half")
        work.publish()
    assert target.read_bytes() == b"half and half"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError, None])
def test_unpublished_work_is_removed_and_the_old_file_stays(tmp_path, stop):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with contextlib.suppress(KeyboardInterrupt, OSError), unfinished(target, "it") as work:
        work.file.write(b"new")
        if stop:
            raise stop
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_left_over_of_a_killed_process_is_written_over(tmp_path):
    target = tmp_path / "file"
    unfinished_path(target).write_bytes(b"left over and much longer")
    with unfinished(target, "it") as work:
        work.file.write(b"new")
        work.publish()
    assert target.read_bytes() == b"new"


def test_one_at_a_time_and_the_others_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(locks, "_SAY_AFTER_S", 0.05)
    monkeypatch.setattr(locks, "_LOOK_S", 0.01)
    target, inside, most = tmp_path / "file", [], []

    def write():
        with unfinished(target, "the thing") as work:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.1)
            work.file.write(b"complete")
            inside.pop()
            work.publish()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]
    assert target.read_bytes() == b"complete"
    told = capsys.readouterr().err.splitlines()
    assert set(told) == {"fasttricks: waiting for another process that makes the thing"}
    assert len(told) == 3  # once each


def test_who_locks_what_was_just_finished_looks_again(tmp_path, monkeypatch):
    """Between opening the unfinished file and locking it, its owner publishes it."""
    target, real, first = tmp_path / "file", fcntl.flock, []

    def flock(file, how):
        if not first:
            first.append(True)
            unfinished_path(target).rename(target)
        return real(file, how)

    target_content = []
    monkeypatch.setattr(fcntl, "flock", flock)
    with unfinished(target, "it") as work:
        work.file.write(b"second")
        work.file.flush()
        target_content.append(target.read_bytes())  # not written into
        work.publish()
    assert target_content == [b""]
    assert target.read_bytes() == b"second"


def test_abandoned_files_are_removed_and_no_others(tmp_path):
    killed = unfinished_path(tmp_path / "killed.seek")
    killed.write_bytes(b"x")
    (tmp_path / "other.part").write_bytes(b"x")
    with unfinished(tmp_path / "living.seek", "it") as work:
        remove_abandoned(tmp_path, ".seek")
        assert not killed.exists()
        work.publish()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["living.seek", "other.part"]


def test_file_system_without_locks_is_a_clear_error(tmp_path, monkeypatch):
    def flock(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(DataError, match=r"cannot make the thing.*has no file locks"):
        unfinished(tmp_path / "file", "the thing").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        unfinished(tmp_path / "file" / "x", "it").__enter__()
