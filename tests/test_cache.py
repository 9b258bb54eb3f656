"""What compiled code is kept in does not grow for ever, and what is used stays."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fasttricks import cache

LONG_AGO = 31 * 24 * 3600


def made(folder, age):
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "code.nbc").write_bytes(b"code")
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_only_what_was_not_used_for_long_goes(tmp_path):
    old, recent = made(tmp_path / "old", LONG_AGO), made(tmp_path / "recent", LONG_AGO / 2)
    left = made(tmp_path / ".123-old", LONG_AGO)  # by a process that was killed
    (tmp_path / "file").write_text("not ours")
    os.utime(tmp_path / "file", (0, 0))
    cache.use(tmp_path / "now")
    assert not old.exists()
    assert not left.exists()
    assert (recent / "inside" / "code.nbc").read_bytes() == b"code"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "now", "recent"]


def test_using_is_what_keeps_an_old_folder(tmp_path):
    old = made(tmp_path / "old", LONG_AGO)
    cache.use(old)
    assert (old / "inside" / "code.nbc").exists()
    assert time.time() - old.stat().st_mtime < 60
    cache.use(tmp_path / "other")
    assert old.exists()


def test_many_processes_at_once(tmp_path):
    for number in range(20):
        made(tmp_path / f"old{number}", LONG_AGO)
    code = "import sys; from pathlib import Path; from fasttricks.cache import use; "
    code += "use(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "now")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    assert [process.communicate()[1] for process in running] == [b""] * 4
    assert [process.returncode for process in running] == [0] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["now"]


def test_where_nothing_can_be_written_nothing_happens(tmp_path):
    (tmp_path / "file").write_text("")
    cache.use(tmp_path / "file" / "folder")


def test_a_user_without_a_home_has_a_folder_among_the_temporary_files(monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("FASTTRICKS_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert (
        cache.cache_dir()
        == cache.spare_dir()
        == Path(tempfile.gettempdir(), cache.spare_dir().name)
    )
    assert str(os.getuid()) in cache.spare_dir().name
