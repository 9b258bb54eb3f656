"""The place where a pack is made: kept for the same work, removed for other, renamed at the end."""

import errno
import os
from pathlib import Path

import pytest

from fasttricks.errors import DataError
from fasttricks.pack.staging import check_replaceable, staging
from tests.pack.packs import contents, write

ME = {"settings": 1, "source": {"": "a"}}
PACK = {"pack.index": b"i", "pack.seek": b"s", "manifest.jsonl": b"{}", "shard-000000.tar": b"t"}


def make(target, identity=ME, publish=True, shards=PACK):
    """A run; returns what an earlier one has left."""
    with staging(target, identity) as place:
        left = contents(place.pack)
        write(place.pack, shards)
        write(place.journal, {"000000.json": b"{}"})
        if not publish:
            raise RuntimeError("ends early")
        place.publish()
    return left


def test_a_pack_appears_at_the_end(tmp_path):
    target = tmp_path / "new" / "x"
    with staging(target, ME) as place:
        write(place.pack, PACK)
        assert not target.exists()
        place.publish()
    assert contents(tmp_path) == {f"new/x/{name}": data for name, data in PACK.items()}


def test_what_is_finished_is_kept_for_the_same_work(tmp_path, capsys):
    with pytest.raises(RuntimeError):
        make(tmp_path / "x", publish=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".x.part"]
    assert make(tmp_path / "x") == PACK
    assert capsys.readouterr().err == ""
    assert contents(tmp_path / "x") == PACK


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({**ME, "settings": 2}, "the settings changed since the earlier run: packing"),
        ({"settings": 2, "source": {}}, "the settings and source changed"),
    ],
)
def test_other_work_starts_anew_and_says_so(tmp_path, capsys, other, words):
    with pytest.raises(RuntimeError):
        make(tmp_path / "x", publish=False)
    assert make(tmp_path / "x", other) == {}
    assert words in capsys.readouterr().err


def test_nothing_is_kept_where_nothing_is_finished(tmp_path):
    with pytest.raises(RuntimeError), staging(tmp_path / "x", ME):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_older_pack_is_replaced_only_at_the_end(tmp_path):
    old = {"manifest.jsonl": b"old", "shard-000000.tar": b"old", "shard-000001.tar": b"old"}
    write(tmp_path / "x", old)
    with pytest.raises(RuntimeError):
        make(tmp_path / "x", publish=False)
    assert contents(tmp_path / "x") == old
    make(tmp_path / "x")
    assert contents(tmp_path) == {f"x/{name}": data for name, data in PACK.items()}


def test_killed_between_the_two_renames(tmp_path):
    """The older pack stands in the staging folder; it is put back, then replaced."""
    with pytest.raises(RuntimeError):
        make(tmp_path / "x", publish=False)
    write(tmp_path / ".x.part" / "replaced", PACK)
    with pytest.raises(RuntimeError):
        make(tmp_path / "x", {"settings": 2}, publish=False)
    assert contents(tmp_path / "x") == PACK
    make(tmp_path / "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


def test_a_rename_that_fails_brings_the_older_pack_back(tmp_path, monkeypatch):
    make(tmp_path / "x", shards={**PACK, "shard-000000.tar": b"old"})
    rename = Path.rename

    def fails(path, target):
        if path.name == "pack":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(DataError, match=r"cannot write .*/x: Invalid cross-device link; the fin"):
        make(tmp_path / "x")
    assert contents(tmp_path / "x")["shard-000000.tar"] == b"old"


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ({}, "holds no manifest"),
        ({"cats/1.jpg": b"mine"}, r"holds no manifest\.jsonl"),
        ({"shard-000000.tar": b"mine", "pack.index": b"in place"}, r"holds no manifest\.jsonl"),
        ({**PACK, "notes.txt": b"mine"}, r"holds notes\.txt"),
        ({f"train/{name}": b"" for name in PACK} | {"cats/1.jpg": b"mine"}, "holds cats"),
        ({f"train/{name}": b"" for name in PACK} | {"val/1.jpg": b"mine"}, "holds no manifest"),
    ],
)
def test_what_is_no_pack_is_not_touched(tmp_path, there, words):
    target = write(tmp_path / "x", there)
    target.mkdir(exist_ok=True)
    with pytest.raises(DataError, match=words):
        make(target)
    assert contents(tmp_path) == {f"x/{name}": data for name, data in there.items()}


def test_what_may_be_replaced(tmp_path):
    check_replaceable(tmp_path / "nowhere")
    check_replaceable(write(tmp_path / "one", PACK))
    parts = {f"{part}/{name}": b"" for part in ("train", "val") for name in PACK}
    check_replaceable(write(tmp_path / "two", parts))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="is a file; a pack of tar shards is a folder"):
        check_replaceable(tmp_path / "file")


def test_a_read_only_folder_is_one_line(tmp_path, monkeypatch):
    def refuses(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuses)
    with pytest.raises(DataError, match=r"cannot write .*/x: Permission denied$"):
        make(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("finished", [True, False])
def test_ctrl_c_says_what_is_kept(tmp_path, finished):
    with (  # noqa: PT012
        pytest.raises(KeyboardInterrupt) as caught,
        staging(tmp_path / "x", ME) as place,
    ):
        if finished:
            write(place.journal, {"train/000000.json": b""})
        raise KeyboardInterrupt
    words = f"; the finished shards are kept in {tmp_path}/.x.part, and the same call goes on"
    assert str(caught.value) == (words if finished else "")
    assert (tmp_path / ".x.part").exists() == finished
