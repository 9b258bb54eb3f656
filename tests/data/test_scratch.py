import contextlib
import os
import time

from fasttricks.data.scratch import scratch_folder


def test_it_is_beside_its_root_and_can_be_renamed_to_it(tmp_path):
    root = tmp_path / "new" / "set"
    with scratch_folder(root) as scratch:
        (scratch / "file").touch()
        assert scratch.parent == root.parent
        scratch.rename(root)
    assert [path.name for path in root.parent.rglob("*")] == ["set", "file"]


def test_it_is_gone_after_an_error(tmp_path):
    with contextlib.suppress(KeyError), scratch_folder(tmp_path / "set") as scratch:
        (scratch / "file").touch()
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_when_old(tmp_path):
    old, young = tmp_path / ".set.0123.tmp", tmp_path / ".set.4567.tmp"
    for left_over in (old, young):
        (left_over / "class_000").mkdir(parents=True)
    os.utime(old, (time.time() - 7200,) * 2)
    with scratch_folder(tmp_path / "set"):
        assert not old.exists()
        assert young.exists()  # may be at work
