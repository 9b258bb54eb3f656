import os
import zlib

import numpy as np
import pytest

from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Stamp
from fasttricks.data.seek.build import build_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.format import HEADER
from fasttricks.doctor.seek import Entry, State, Worth, check_entry, find_index, walk_again
from fasttricks.kernels.jpeg.points import FRAME
from fasttricks.kernels.jpeg.seek import TILE_PIXELS
from tests.doctor.sets import Tampered, make_folder
from tests.pictures import jpeg


@pytest.fixture
def samples(folder):
    return scan_folder(folder)


@pytest.fixture
def tampered(samples):
    return Tampered(samples)


def checked(samples, number):
    index = find_index(samples).index
    return check_entry(index, number, samples.read_stamped(number))


def test_no_index_is_made(samples, tmp_path):
    found = find_index(samples)
    assert (found.state, found.index) == (State.NONE, None)
    assert not (tmp_path / "cache").exists()


def test_a_sound_index_is_true_of_all_pictures(samples):
    path = build_index(samples)
    found = find_index(samples)
    assert (found.state, found.path) == (State.USABLE, path)
    entries = [checked(samples, i) for i in range(len(samples))]
    assert {entry.worth for entry in entries} == {Worth.TRUE}
    assert entries[0].sides == (90, 40)
    cuttable = sum(entry.sides is not None for entry in entries)
    assert cuttable == 8  # the progressive ones cannot be cut, and their entries are true


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[:-1], "cut short"),
        (lambda content: content[:100], "cut short"),
        (lambda content: b"", "not a seek index"),
        (lambda content: content[:20] + b"\1" + content[21:], "checksum"),
        (lambda content: content[:8] + b"\7" + content[9:], "format 7"),
        (lambda content: b"x" + content[1:], "not a seek index"),
    ],
)
def test_damaged_files(samples, damage, words):
    path = build_index(samples)
    path.write_bytes(damage(path.read_bytes()))
    found = find_index(samples)
    assert (found.state, found.index) == (State.DAMAGED, None)
    assert words in found.cause


def test_another_version_is_not_damage(samples):
    path = build_index(samples)
    content = bytearray(path.read_bytes())
    header = np.frombuffer(content, HEADER, 1)
    header["format"] = 7
    header["crc"] = zlib.crc32(header.tobytes()[:-4])
    path.write_bytes(content)
    found = find_index(samples)
    assert found.state == State.OTHER
    assert "format 7" in found.cause


def test_an_index_of_other_pictures(samples, tmp_path):
    other = build_index(scan_folder(make_folder(tmp_path / "other", count=4)))
    path = build_index(samples)
    path.write_bytes(other.read_bytes())
    found = find_index(samples)
    assert (found.state, found.index) == (State.OTHER, None)
    assert "of another data set" in found.cause


def test_flipped_bits_fail_the_checksum(samples, tampered):
    tampered.flip(tampered.points_at(0) + 11)
    tampered.flip(tampered.record_at(2) + 41)
    tampered.write()
    for number in (0, 2):
        entry = checked(samples, number)
        assert entry.worth == Worth.WRONG
        assert "checksum" in entry.cause
    assert checked(samples, 4).worth == Worth.TRUE
    index = find_index(samples).index
    assert check_entry(index, 0, None).worth == Worth.WRONG  # also where the picture is gone
    assert check_entry(index, 4, None) == Entry(Worth.TRUE)


def test_wrong_points_with_a_right_checksum(samples, tampered):
    tampered.flip(tampered.points_at(0) + 8)
    tampered.sign(0)
    tampered.write()
    entry = checked(samples, 0)
    assert entry.worth == Worth.WRONG
    assert entry.cause.startswith("1 of ")


def test_a_wrong_frame_with_a_right_checksum(samples, tampered):
    tampered.flip(tampered.record_at(0) + 40)  # its height
    tampered.sign(0)
    tampered.write()
    entry = checked(samples, 0)
    assert entry.worth == Worth.WRONG
    assert "height 41 instead of 40" in entry.cause


def test_changed_pictures_are_stale_not_wrong(samples):
    build_index(samples)
    os.utime(samples.name(0), ns=(1, 1))
    with open(samples.name(1), "ab") as file:
        file.write(b"more")
    assert [checked(samples, i).worth for i in range(3)] == [Worth.STALE, Worth.STALE, Worth.TRUE]


def test_pictures_that_came_back_are_stale(samples):
    gone = samples.path(0)
    content = gone.read_bytes()
    gone.unlink()
    build_index(samples)
    gone.write_bytes(content)
    assert checked(samples, 0).worth == Worth.STALE


def test_walking_again_gives_what_indexing_gave(samples):
    index = SeekIndex.open(build_index(samples), samples)
    for i in range(len(samples)):
        frame, points = walk_again(samples.read(i), TILE_PIXELS)
        record, stored = index.entry(i)
        assert frame.tobytes() == record["frame"].tobytes()
        assert points.tobytes() == stored


def test_walking_damage_gives_the_reason_and_no_points():
    data = jpeg(40, 40)
    frame, points = walk_again(data[:-40] + b"\xff\xd9", TILE_PIXELS)
    assert frame.dtype == FRAME
    assert frame["status"] != 0
    assert len(points) == 0


def test_another_stamp_is_stale_whatever_the_content(samples):
    build_index(samples)
    data, stamp = samples.read_stamped(0)
    found = find_index(samples)
    later = Stamp(stamp.size, stamp.mtime_ns + 1)
    assert check_entry(found.index, 0, (data, later)).worth == Worth.STALE
