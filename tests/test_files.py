"""Results appear complete or not at all, and where they cannot is known before."""

import errno
import json
import os

import pytest

from fasttricks import files
from fasttricks.errors import DataError
from fasttricks.files import check_writable, replacing, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_gets_its_name_at_the_end(tmp_path):
    target = tmp_path / "r.png"
    target.write_text("old")
    with replacing(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
        assert (part.parent, part.suffix) == (tmp_path, ".png")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == ["r.png"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_fails_leaves_the_old_file_alone(tmp_path, error):
    target = tmp_path / "r.json"
    target.write_text("old")

    def fail():
        with replacing(target) as part:
            part.write_text("ne")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["r.json"]


def test_a_full_disk_is_told(tmp_path):
    told = pytest.raises(DataError, match=r"cannot write .*r\.json: No space")
    with told, replacing(tmp_path / "r.json"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_places_that_cannot_be_written(tmp_path):
    check_writable(tmp_path / "new.json")
    assert names(tmp_path) == []
    (tmp_path / "file").touch()
    places = ("", "no/such/r.json", "file/r.json", "n" * 300)
    for path in (tmp_path / place for place in places):
        with pytest.raises(DataError, match="cannot write"):
            check_writable(path)
        with pytest.raises(DataError, match="cannot write"), replacing(path):
            pass
    assert names(tmp_path) == ["file"]


def test_a_full_disk_is_noticed_before(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.tempfile, "NamedTemporaryFile", full)
    with pytest.raises(DataError, match="No space left on device"):
        check_writable(tmp_path / "new.json")


def test_json_is_one_document(tmp_path):
    write_json(tmp_path / "a.json", {"name": "\udcff", "list": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"name": "\udcff", "list": [1, None]}
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"not json": object()})
    assert json.loads((tmp_path / "a.json").read_text())["list"] == [1, None]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_the_umask_says_who_may_read_it(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "x.json", 1)
    finally:
        os.umask(before)
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == mode
