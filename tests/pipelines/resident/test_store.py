import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fasttricks.errors import DataError
from fasttricks.pipelines.resident import store as resident_store
from fasttricks.pipelines.resident.store import Recipe, share

SCRIPT = Path(__file__).with_name("share_a_block.py")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_SHM", str(tmp_path))
    return tmp_path


def recipe(value=7, size=5000, made=None):
    def fill(memory):
        assert not memory.any()
        memory[:] = value
        return b"rest"

    def prepare():
        if made is not None:
            made.append(value)
        return Recipe(size, fill, "3 decoded pictures", "take fewer")

    return prepare


def files(home):
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def test_made_once_and_gone_with_the_last_user(home):
    made = []
    first = share("key", recipe(made=made))
    second = share("key", recipe(made=made))
    assert made == [7]
    assert first.bytes.tobytes() == bytes([7]) * 5000 + b"rest"
    assert np.array_equal(first.bytes, second.bytes)
    assert not first.bytes.flags.writeable
    first.close()
    assert files(home) == ["key.pixels"]
    kept = second.bytes
    second.close()
    assert list(home.iterdir()) == []
    assert kept[0] == 7  # still mapped
    second.close()  # again does no harm


def test_dropping_it_is_closing_it(home):
    block = share("key", recipe())
    assert files(home)
    del block
    assert list(home.iterdir()) == []


def test_other_keys_are_other_blocks(home):
    first, second = share("one", recipe(1)), share("two", recipe(2))
    assert (first.bytes[0], second.bytes[0]) == (1, 2)
    first.close()
    assert files(home) == ["two.pixels"]
    second.close()


def test_nobody_else_can_read_it(home):
    block = share("key", recipe())
    assert block.path.stat().st_mode & 0o777 == 0o600
    assert block.path.parent.stat().st_mode & 0o777 == 0o700
    block.close()


def test_a_folder_that_others_can_write_is_refused(home):
    folder = home / f"fasttricks-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(DataError, match="can be written by others"):
        share("key", recipe())


def test_a_link_in_place_of_the_folder_is_refused(home):
    (home / "elsewhere").mkdir()
    (home / f"fasttricks-{os.getuid()}").symlink_to(home / "elsewhere")
    with pytest.raises(DataError, match="cannot use"):
        share("key", recipe())
    assert files(home) == []


def test_a_folder_that_does_not_exist(home, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_SHM", str(home / "nowhere"))
    with pytest.raises(DataError, match=r"nowhere is not a folder; see FASTTRICKS_SHM"):
        share("key", recipe())


def test_too_large_is_refused_before_it_is_made(home):
    def fill(memory):
        raise AssertionError("made")

    size = 3 << 60
    with pytest.raises(DataError) as error:
        share("key", lambda: Recipe(size, fill, "3 decoded pictures", "take fewer"))
    text = str(error.value)
    assert "3 decoded pictures need 3,458,764,513.8 GB" in text
    assert "of memory free" in text
    assert f"GB in {home}" in text
    assert "take fewer, or name another folder with FASTTRICKS_SHM" in text
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("memory", "room", "fits"), [(1000, 400, 0), (400, 1000, 0), (500, 500, 1)]
)
def test_both_memory_and_room_must_do(home, monkeypatch, memory, room, fits):
    monkeypatch.setattr(resident_store, "available_memory", lambda: memory)
    monkeypatch.setattr(resident_store, "_free", lambda _: room)
    if fits:
        share("key", recipe(size=450)).close()
    else:
        with pytest.raises(DataError, match=r"need 0\.000 GB"):
            share("key", recipe(size=450))


def test_the_usual_places(home, monkeypatch, capsys):
    """/dev/shm, and where that has no room a folder for temporary files, which is said."""
    memory, other = home / "memory", home / "other"
    memory.mkdir()
    other.mkdir()
    monkeypatch.delenv("FASTTRICKS_SHM")
    monkeypatch.setattr(resident_store, "SHARED_MEMORY", memory)
    monkeypatch.setattr(resident_store.tempfile, "gettempdir", lambda: str(other))
    block = share("key", recipe())
    assert block.path.is_relative_to(memory)
    block.close()
    assert capsys.readouterr().err == ""

    free = resident_store._free
    monkeypatch.setattr(resident_store, "_free", lambda f: 10 if memory in f.parents else free(f))
    made = []
    block, again = share("key", recipe(made=made)), share("key", recipe(made=made))
    assert block.path.is_relative_to(other)
    assert again.path == block.path
    assert made == [7]
    said = capsys.readouterr().err
    assert f"{memory} has 0.000 GB free for 3 decoded pictures" in said
    assert f"kept in {block.path.parent}" in said
    block.close()
    again.close()
    assert files(home) == []

    memory.rmdir()
    block = share("key", recipe())
    assert block.path.is_relative_to(other)
    block.close()
    assert list(home.iterdir()) == [other]


def test_shared_memory_itself(monkeypatch):
    if not resident_store.SHARED_MEMORY.is_dir():
        pytest.skip("there is no /dev/shm here")
    monkeypatch.delenv("FASTTRICKS_SHM")
    key = f"test-{os.getpid()}-{time.monotonic_ns()}"
    block = share(key, recipe())
    try:
        assert block.path.is_relative_to("/dev/shm")
        assert block.bytes[0] == 7
    finally:
        block.close()
    assert not block.path.exists()


def test_failing_leaves_nothing(home):
    def fill(memory):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        share("key", lambda: Recipe(100, fill, "pictures", "advice"))
    assert list(home.iterdir()) == []
    share("key", recipe()).close()  # and the lock is free


def test_no_room_after_all(home, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(resident_store.os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"cannot keep 3 decoded pictures in .*No space left"):
        share("key", recipe())
    assert list(home.iterdir()) == []


def test_abandoned_files_are_removed_and_others_kept(home):
    used = share("used", recipe())
    folder = used.path.parent
    (folder / "killed.pixels").write_bytes(b"x")
    (folder / "killed.part").write_bytes(b"x")
    new = share("new", recipe())
    assert files(home) == ["new.pixels", "used.pixels"]
    used.close()
    new.close()
    assert list(home.iterdir()) == []


def start(*words):
    command = [sys.executable, str(SCRIPT), *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(process, line=""):
    out, _ = process.communicate(line, timeout=30)
    return out.split()


def test_processes_share_one_and_others_wait_for_its_making(home):
    processes = [start("key", "0.3") for _ in range(4)]
    said = [process.stdout.readline() for process in processes]
    assert sorted(said) == ["found\n"] * 3 + ["made\n"]
    assert files(home) == ["key.pixels"]
    for process in processes:
        ended(process, "close\n")
    assert list(home.iterdir()) == []


def test_after_a_kill_while_making_another_makes_it(home):
    killed = start("key", "60")
    deadline = time.monotonic() + 20
    while not (found := files(home)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found == ["key.part"]
    waiting = start("key", "0")
    time.sleep(0.3)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert waiting.stdout.readline() == "made\n"
    ended(waiting, "close\n")
    assert list(home.iterdir()) == []


def test_a_killed_user_leaves_a_file_that_the_next_maker_removes(home):
    killed = start("key", "0")
    assert killed.stdout.readline() == "made\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert files(home) == ["key.pixels"]
    share("other", recipe()).close()
    assert list(home.iterdir()) == []


def test_what_a_killed_process_left_whole_is_used_again(home):
    killed = start("key", "0")
    killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    made = []
    share("key", recipe(made=made)).close()
    assert made == []
    assert list(home.iterdir()) == []


def test_a_forked_child_takes_nothing_away(home):
    block = share("key", recipe())
    child = os.fork()
    if child == 0:
        block.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert files(home) == ["key.pixels"]
    made = []
    again = share("key", recipe(made=made))
    assert made == []
    again.close()
    assert files(home) == ["key.pixels"]
    block.close()
    assert list(home.iterdir()) == []


def test_ending_without_closing_removes_it(home):
    process = start("key", "0")
    process.stdout.readline()
    ended(process, "end\n")
    assert list(home.iterdir()) == []
