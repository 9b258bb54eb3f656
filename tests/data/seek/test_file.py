import gc
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from fasttricks.data.samples import Samples
from fasttricks.data.seek.build import build_index, ensure_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.seek.source import names_of
from fasttricks.errors import DataError
from fasttricks.kernels.jpeg.seek import SEEK
from fasttricks.kernels.jpeg.segments import REASONS
from tests.data.seek.standin import make_pictures, picture, seek_points
from tests.descriptors import open_under

pytestmark = pytest.mark.usefixtures("standin")

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def samples(tmp_path):
    return Samples(make_pictures(tmp_path / "pictures"))


@pytest.fixture
def file(tmp_path, samples):
    return build_index(samples, tmp_path / "x.seek", workers=1)


@pytest.fixture
def index(file, samples):
    return SeekIndex.open(file, samples)


def look(index, samples, number):
    return index.lookup(number, *samples.read_stamped(number)[1])


def flip(file, at, bit=1):
    content = bytearray(file.read_bytes())
    content[at] ^= bit
    # As another file, so that an index opened before does not change under its reader.
    file.unlink()
    file.write_bytes(content)


# ----------------------------------------------------------------------------------- looking up


def test_entries_are_what_the_kernels_said(index, samples):
    for number in range(len(samples)):
        data = samples.read_stamped(number)[0]
        found = look(index, samples, number)
        if number % 10 == 0:
            assert found is None
            assert index.why(number) == REASONS[1]
            continue
        frame, points = found
        assert (frame["points"], frame["interval"]) == (number % 7 + 1, len(data))
        expected = np.zeros(number % 7 + 1, SEEK)
        seek_points(np.frombuffer(data, np.uint8), frame, expected)
        assert points.tobytes() == expected.tobytes()
        assert not points.flags.writeable
        assert index.why(number) == ""
    assert (index.stale, index.damaged) == (0, 0)


@pytest.mark.parametrize("change", ["size", "time", "gone back in time"])
def test_a_changed_file_is_not_looked_up(index, samples, capsys, change):
    number, path = 5, samples.path(5)
    if change == "size":
        before = path.stat().st_mtime_ns
        path.write_bytes(path.read_bytes() + b"y")
        os.utime(path, ns=(before, before))
    elif change == "time":
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    else:
        os.utime(path, ns=(1, 1))
    assert look(index, samples, number) is None
    assert look(index, samples, number) is None
    assert index.stale == 1  # counted once
    other = samples.path(7)
    other.write_bytes(picture(6, b"more"))
    assert look(index, samples, 7) is None
    assert index.stale == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1  # said once
    assert "sample 5 (class_2/0005.jpg) has changed" in told[0]
    assert told[0].endswith("; index them again with: fasttricks index DATA --refresh")
    assert look(index, samples, 6) is not None


def test_every_flipped_bit_of_an_entry_is_found(file, samples, capsys):
    index = SeekIndex.open(file, samples)
    number, record = 13, index.records.dtype
    start = int(index._opened.header["sections"]["offset"][3]) + number * record.itemsize
    first = int(index._opened.header["sections"]["offset"][4])
    first += SEEK.itemsize * int(index.records["first"][number])
    content = file.read_bytes()
    for at in [*range(start, start + record.itemsize), *range(first, first + 7 * SEEK.itemsize)]:
        for bit in range(8):
            changed = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            broken = SeekIndex.from_bytes(changed)
            assert broken.entry(number) is None
            assert look(broken, samples, number) is None
            assert broken.entry(12) is not None
    assert "has a damaged entry" in capsys.readouterr().err


def test_damage_is_counted_once_and_said_once(file, samples, capsys):
    flip(file, -1)  # in the points of the last picture
    flip(file, -100)
    index = SeekIndex.open(file, samples)
    bad = [n for n in range(len(samples)) if index.entry(n) is None]
    assert len(bad) == 2
    assert [look(index, samples, n) for n in bad * 2] == [None] * 4
    assert (index.damaged, index.stale) == (2, 0)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert f"sample {bad[0]} " in told[0]


def test_a_name_with_a_newline_is_told_on_one_line(tmp_path, capsys):
    path = tmp_path / "a\nb\udcff.jpg"
    path.write_bytes(picture(1))
    samples = Samples([path])
    index = SeekIndex.open(build_index(samples, tmp_path / "x.seek"), samples)
    assert index.lookup(0, 1, 1) is None
    assert capsys.readouterr().err.count("\n") == 1
    assert index.names() == [os.fsencode(path.name)]


def test_unreadable_when_indexed_is_decoded_whole(tmp_path, samples, capsys):
    hidden = samples.path(3)
    content = hidden.read_bytes()
    hidden.unlink()
    file = build_index(samples, tmp_path / "x.seek")
    index = SeekIndex.open(file, samples)
    assert index.why(3) == "could not be read: No such file or directory"
    hidden.write_bytes(content)
    assert look(index, samples, 3) is None
    assert index.stale == 0
    assert capsys.readouterr().err == ""


def test_threads_share_an_index(index, samples):
    stamps = [samples.read_stamped(n)[1] for n in range(len(samples))]
    for path_number in (4, 8):
        stamps[path_number] = (0, 0)
    results = []

    def work():
        found = [index.lookup(n, *stamps[n]) for n in range(len(samples)) for _ in range(50)]
        results.append([f is not None for f in found])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [results[0]] * 4
    assert index.stale == 2


# ------------------------------------------------------------------------------------- opening


def test_opens_wherever_the_pictures_were_moved(tmp_path, samples, file):
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    moved = Samples([tmp_path / "elsewhere" / n.decode() for n in SeekIndex.open(file).names()])
    index = SeekIndex.open(file, moved)
    assert look(index, moved, 1) is not None


def test_other_data_sets_are_refused(tmp_path, samples, file):
    paths = [samples.path(n) for n in range(len(samples))]
    with pytest.raises(DataError, match=r"of another data set: it has 30 pictures, not 29"):
        SeekIndex.open(file, Samples(paths[1:]))
    swapped = [paths[1], paths[0], *paths[2:]]
    with pytest.raises(DataError, match="of another data set: its file names differ"):
        SeekIndex.open(file, Samples(swapped))
    with pytest.raises(DataError, match="names differ"):
        SeekIndex.open(file, names_of(Samples(swapped)))


def test_pickled_index_opens_its_file(index, samples, file):
    again = pickle.loads(pickle.dumps(index))
    assert len(pickle.dumps(index)) < 4000
    assert again.path == file
    assert look(again, samples, 5)[1].tobytes() == look(index, samples, 5)[1].tobytes()
    packed = pickle.dumps(index)
    build_index(Samples([samples.path(0)]), file)
    with pytest.raises(DataError, match="another data set"):
        pickle.loads(packed)


def test_an_index_in_memory_is_pickled_whole():
    samples = Samples([picture(3), b"no"])
    index = pickle.loads(pickle.dumps(ensure_index(samples)))
    assert index.path is None
    assert len(look(index, samples, 0)[1]) == 3
    assert look(index, samples, 1) is None


def test_no_file_stays_open(samples, file):
    other = Samples(["/a.jpg"])
    indices = [SeekIndex.open(file, samples) for _ in range(5)]
    assert open_under(file.parent) > 0
    for _ in range(5):
        with pytest.raises(DataError):
            SeekIndex.open(file, other)
    damaged = file.with_name("y.seek")
    damaged.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError):
        SeekIndex.open(damaged)
    del indices
    gc.collect()
    assert open_under(file.parent) == 0


def test_summary(index, samples):
    found = index.summary()
    assert (found.pictures, found.indexed) == (30, 27)
    assert found.points == sum(n % 7 + 1 for n in range(30) if n % 10)
    assert found.picture_bytes == sum(len(samples.read(n)) for n in range(30))
    assert found.reasons == {REASONS[1]: 3}
    assert "27 of 30 pictures indexed" in str(found)
    assert f"decoded whole: 3 {REASONS[1]}" in str(found)


def test_import_is_light():
    code = (
        "import sys, fasttricks.data.seek.build; "
        "print(*sorted({'torch', 'rich', 'PIL'} & {*sys.modules}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []
