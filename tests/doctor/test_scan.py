import os
import re
import resource
import shutil
import threading

import pytest

from fasttricks.data.folder import loose_pictures, scan_folder
from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index
from fasttricks.data.tar_pack import TarPack
from fasttricks.doctor import scan as module
from fasttricks.doctor.findings import STALE
from fasttricks.doctor.scan import scan
from fasttricks.doctor.seek import State
from fasttricks.errors import DataError
from tests.doctor.sets import Tampered, make_folder, make_pack
from tests.pictures import jpeg


def test_a_sound_set(folder):
    samples = scan_folder(folder)
    build_index(samples)
    found = scan(samples)
    assert found.sound
    assert (found.tally.looked, found.tally.sound, found.tally.broken) == (10, 10, {})
    assert found.tally.noted == {}
    assert found.tally.traits == {"sequential": 8, "progressive": 2, "grey": 2}
    assert found.found.state == State.USABLE
    assert list(found.tally.digests.groups()) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_every_broken_picture_is_found_and_no_other(folder, workers):
    samples = scan_folder(folder)
    tampered = Tampered(samples)
    tampered.flip(tampered.points_at(4))
    tampered.write()
    samples.path(0).unlink()
    samples.path(1).write_bytes(jpeg(60, 60)[:-99])
    samples.path(2).write_bytes(b"")
    found = scan(samples, workers=workers)
    assert not found.sound
    assert list(found.tally.broken) == [0, 1, 2, 4]
    assert found.tally.kinds == {"unreadable": 1, "undecodable": 2, "seek index": 1}
    assert found.tally.count_noted(STALE) == 2  # 1 and 2 have changed; of 0 nothing is known


def test_what_was_never_indexed_is_no_fault(folder):
    found = scan(scan_folder(folder))
    assert found.sound
    assert found.found.state == State.NONE


def test_twins_across_classes_are_no_fault(folder):
    shutil.copy(folder / "class_0" / "00.jpg", folder / "class_1" / "00.jpg")
    found = scan(scan_folder(folder))
    assert found.sound
    assert [group.tolist() for group in found.tally.digests.groups()] == [[0, 5]]


def test_a_damaged_index_file_is_a_fault_by_itself(folder):
    samples = scan_folder(folder)
    path = build_index(samples)
    path.write_bytes(path.read_bytes()[:-8])
    found = scan(samples)
    assert (found.sound, found.tally.broken) == (False, {})
    assert [(around.name, "cut short" in around.cause) for around in found.around] == [
        (str(path), True)
    ]


def test_a_given_index_has_to_be_of_these_pictures(folder, tmp_path):
    samples = scan_folder(folder)
    path = build_index(samples, tmp_path / "own.seek")
    found = scan(samples, index=path)
    assert found.sound
    assert (found.found.state, found.found.path) == (State.USABLE, path)
    other = build_index(scan_folder(make_folder(tmp_path / "other", count=4)))
    found = scan(samples, index=other)
    assert [around.name for around in found.around] == [str(other)]
    with pytest.raises(DataError, match="nothing does not exist"):
        scan(samples, index=tmp_path / "nothing")


def test_packs(folder, tmp_path):
    packed = make_pack(tmp_path / "pack", folder)
    samples = TarPack(packed)
    build_index(samples)
    found = scan(samples)
    assert found.sound
    assert found.found.path == packed / "pack.seek"
    assert found.tally.count_noted(STALE) == 0
    (packed / "shard-000001.tar").unlink()
    samples = TarPack(packed)
    found = scan(samples)
    assert list(found.tally.broken) == [1, 3, 5, 7, 9]
    assert [around.name for around in found.around] == [str(packed / "shard-000001.tar")]


def test_shortened_shards(folder, tmp_path):
    packed = make_pack(tmp_path / "pack", folder)
    shard = packed / "shard-000000.tar"
    last = int(TarPack(packed).members[8]["offset"])
    os.truncate(shard, last + 10)
    found = scan(TarPack(packed))
    assert list(found.tally.broken) == [8]
    assert len(found.around) == 1


def test_memory_does_not_grow_with_the_set(folder):
    paths = sorted(folder.rglob("*.jpg"))
    samples = Samples(paths * 40)
    scan(Samples(paths))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = scan(samples)
    assert found.tally.looked == 400
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KB


def test_threads_stop_when_one_fails(folder, monkeypatch):
    """An error that nobody foresaw ends the scan at once, instead of after all other pictures."""
    looked = []

    class Failing:
        def __init__(self, *args):
            pass

        def __call__(self, number):
            looked.append(number)
            raise RuntimeError("unforeseen")

    monkeypatch.setattr(module, "Inspector", Failing)
    paths = sorted(folder.rglob("*.jpg"))
    with pytest.raises(RuntimeError, match="unforeseen"):
        scan(Samples(paths * 1000), workers=2)
    assert len(looked) < 100
    assert not [t for t in threading.enumerate() if t.name.startswith("doctor")]


def test_shares_in_flight_are_given_up(folder, monkeypatch):
    events = []

    class Noted(threading.Event):
        def __init__(self):
            super().__init__()
            events.append(self)

    samples = scan_folder(folder)
    monkeypatch.setattr(module, "Event", Noted)
    assert scan(samples).tally.looked == 10
    monkeypatch.setattr(module, "Tally", lambda count: None)  # fails on the first look
    with pytest.raises(AttributeError):
        scan(samples)
    assert [event.is_set() for event in events] == [True, True]


def test_nothing_is_looked_at_after_giving_up(folder, monkeypatch):
    class GivenUp(threading.Event):
        def is_set(self):
            return True

    monkeypatch.setattr(module, "Event", GivenUp)
    assert scan(scan_folder(folder)).tally.looked == 0


def test_at_least_one_worker(folder):
    with pytest.raises(ValueError, match="at least 1; got 0"):
        scan(scan_folder(folder), workers=0)


def test_odd_jpegs_as_their_readme_has_them(shared):
    """Broken is what Pillow cannot decode: column P."""
    root = shared("odd-jpegs")
    rows = re.findall(
        r"^\| (\S+\.\w+) \|.*\| (yes|no) \| \w+ \| \w+ \|", (root / "README.md").read_text(), re.M
    )
    samples = loose_pictures(root)
    assert len(rows) == len(samples)
    found = scan(samples)
    names = {samples.path(index).name for index in found.tally.broken}
    assert names == {name for name, decodes in rows if decodes == "no"}
    assert found.tally.kinds == {"undecodable": len(names)}


def test_real_pictures_are_sound(shared):
    samples = scan_folder(shared("imagenet-sample"))
    some = Samples([samples.name(index) for index in range(0, len(samples), 10)])
    build_index(some)
    found = scan(some)
    assert found.sound
    assert found.tally.noted.keys() <= {"orientation"}
