import io
import json
import shutil

import pytest

from fasttricks.data.folder import scan_folder
from fasttricks.data.seek.build import build_index
from fasttricks.doctor.document import json_file, write_facts, write_scan
from fasttricks.doctor.scan import scan
from fasttricks.errors import DataError


def written(folder):
    file = io.BytesIO()
    write_scan(file, scan(scan_folder(folder)), "the set")
    return json.loads(file.getvalue())


def test_a_sound_set(folder):
    build_index(scan_folder(folder))
    document = written(folder)
    assert document["sound"] is True
    assert (document["doctor"], document["data"], document["pictures"]) == (1, "the set", 10)
    assert [document[name] for name in ("broken", "noted", "duplicates")] == [[], [], []]
    assert document["jpegs"] == {"sequential": 8, "progressive": 2, "grey": 2}
    assert document["seek_index"]["state"] == "usable"
    assert document["shortest_side"] == {
        "pixels": 40,
        "index": 0,
        "name": str(folder / "class_0" / "00.jpg"),
    }


def test_all_that_was_found(folder):
    path = build_index(scan_folder(folder))
    (folder / "class_0" / "00.jpg").write_bytes(b"")
    (folder / "class_1" / "\udcff\n.jpg").write_bytes(b"no picture")
    shutil.copy(folder / "class_0" / "02.jpg", folder / "class_1" / "02.jpg")
    path.write_bytes(b"")
    document = written(folder)
    assert document["sound"] is False
    assert document["broken_by_kind"] == {"undecodable": 2}
    first, last = document["broken"]
    assert first == {
        "index": 0,
        "name": str(folder / "class_0" / "00.jpg"),
        "faults": [{"kind": "undecodable", "cause": "the file is empty"}],
    }
    assert last["name"].endswith("\udcff\n.jpg")
    (twins,) = document["duplicates"]
    assert twins["across_classes"] is True
    assert [(twin["index"], twin["target"]) for twin in twins["samples"]] == [(1, 0), (6, 1)]


def test_stale_entries_and_damaged_indices_are_listed(folder):
    samples = scan_folder(folder)
    path = build_index(samples)
    samples.path(3).touch()
    document = written(folder)
    assert document["sound"] is True
    assert document["noted_by_kind"] == {"stale index": {"changed since it was indexed": 1}}
    (noted,) = document["noted"]
    assert (noted["index"], noted["kind"]) == (3, "stale index")
    path.write_bytes(path.read_bytes()[:-1])
    (broken,) = written(folder)["broken"]
    assert (broken["index"], broken["name"]) == (None, str(path))


def test_the_file_appears_complete_or_not_at_all(tmp_path):
    target = tmp_path / "a.json"
    with json_file(target) as document:
        write_facts(document.file, {"a": [1, 2]})
        assert not target.exists()
        document.publish()
    assert json.loads(target.read_bytes()) == {"a": [1, 2]}
    with json_file(target) as document:
        write_facts(document.file, {"b": 3})  # and is not published
    assert json.loads(target.read_bytes()) == {"a": [1, 2]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_no_file_is_asked_for():
    with json_file(None) as document:
        assert document is None


def test_bad_places_are_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for target, words in ((tmp_path, "is a folder"), (tmp_path / "file" / "a", "cannot write")):
        with pytest.raises(DataError, match=words), json_file(target):
            pytest.fail("the work began")
