import json
import shutil

from fasttricks.data.folder import scan_folder
from fasttricks.data.seek.build import build_index
from fasttricks.doctor.document import scan_document
from fasttricks.doctor.scan import scan


def written(folder):
    return json.loads(json.dumps(scan_document(scan(scan_folder(folder)), "the set")))


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
