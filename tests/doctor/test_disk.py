import os

import pytest

from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Samples
from fasttricks.doctor import disk
from tests.doctor.sets import make_pack


def test_the_longest_mount_point_counts(tmp_path):
    mounts = tmp_path / "mountinfo"
    blank = tmp_path / "a b"
    blank.mkdir()
    mounts.write_text(
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        f"30 27 0:5 / {tmp_path} rw shared:1 - nfs4 server:/x rw\n"
        f"31 30 0:6 / {tmp_path}/a\\040b rw - fuse.sshfs x rw\n"
    )
    assert disk.file_system(tmp_path / "c", mounts) == "nfs4"
    assert disk.file_system(blank / "d", mounts) == "fuse.sshfs"
    assert disk.file_system(f"{tmp_path}x", mounts) == "ext4"
    assert disk.file_system(tmp_path, tmp_path / "nothing") == ""


def test_mount_points_may_have_any_letters(tmp_path):
    mounts, point = tmp_path / "mountinfo", tmp_path / "données"
    point.mkdir()
    mounts.write_text(
        "27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        f"30 27 0:5 / {point} rw shared:1 - nfs4 server:/x rw\n"
    )
    assert disk.file_system(point / "a.jpg", mounts) == "nfs4"


def test_what_was_just_read_is_cached_and_what_was_dropped_is_not(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(os.urandom(300_000))
    os.sync()  # pages that are not yet written cannot be dropped
    samples = Samples([path])
    path.read_bytes()
    assert disk.cached(samples, 0) == 1.0
    disk._drop(samples, 0)
    if disk.cached(samples, 0) != 0.0:
        pytest.skip("this file system keeps its pages, as one in memory does")
    assert disk.read_all(samples, [0], 60.0)[:2] == (1, 300_000)
    assert disk.cached(samples, 0) == 1.0


def test_a_part_of_a_shard_is_told_apart_from_its_neighbours(folder, tmp_path):
    pack = make_pack(tmp_path / "pack", folder)
    from fasttricks.data.open import open_data

    samples = open_data(pack)
    sizes = [disk.read_all(samples, [index], 60.0)[1] for index in range(len(samples))]
    assert sizes == [len(samples.read(index)) + 512 for index in range(len(samples))]  # tar header
    assert disk.cached(samples, 3) == 1.0


def test_nothing_is_said_of_what_is_not_told(tmp_path, monkeypatch):
    assert disk.cached(Samples([b"abc"]), 0) is None
    assert disk.cached(Samples([tmp_path / "nothing"]), 0) is None
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x" * 2_000_000)
    monkeypatch.setattr("fasttricks.bench.pagecache._is_told", lambda descriptor: False)
    found = disk.look_at_disk(Samples([path]), [0], tmp_path, 1.0)
    assert (found.cached, found.files_per_s) == (None, None)
    assert "may write" in found.why_not or found.in_memory


def test_cold_pictures_alone_are_measured(tmp_path, monkeypatch):
    for i in range(4):
        (tmp_path / "c").mkdir(exist_ok=True)
        (tmp_path / "c" / f"{i}.jpg").write_bytes(bytes(800_000))
    samples = scan_folder(tmp_path)
    shares = {0: 1.0, 1: 0.0, 2: 0.5, 3: 0.01}
    monkeypatch.setattr(disk, "cached", lambda samples, index: shares[index])
    monkeypatch.setattr(disk, "file_system", lambda path: "nfs4")
    monkeypatch.setattr(disk, "_drop", lambda samples, index: pytest.fail("there was enough"))
    found = disk.look_at_disk(samples, range(4), tmp_path, 60.0)
    assert (found.files, found.network, found.why_not) == (2, True, "")
    assert found.cached == pytest.approx(1.51 / 4)
    assert found.bytes_per_s == pytest.approx(800_000 * found.files_per_s)


def test_what_cannot_be_dropped_is_not_measured(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(2_000_000))
    monkeypatch.setattr(disk, "cached", lambda samples, index: 1.0)
    monkeypatch.setattr(disk, "file_system", lambda path: "ext4")
    found = disk.look_at_disk(Samples([path]), [0], tmp_path, 60.0)
    assert found.bytes_per_s is None
    assert "page cache" in found.why_not
    monkeypatch.setattr(disk, "file_system", lambda path: "tmpfs")
    found = disk.look_at_disk(Samples([path]), [0], tmp_path, 60.0)
    assert (found.in_memory, found.cached, found.files_per_s) == (True, 1.0, None)


def test_reading_ends_when_the_time_is_up(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x" * 1000)
    assert disk.read_all(Samples([path] * 5), range(5), 0.0)[:2] == (0, 0)
    assert disk.read_all(Samples([tmp_path / "nothing"]), [0], 60.0)[:2] == (0, 0)
