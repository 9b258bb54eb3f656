import os
import resource
import signal
import sys
import threading
from pathlib import Path

import pytest

from fasttricks.data.samples import Samples
from fasttricks.data.seek import build as seek_build
from fasttricks.data.seek.build import build_index, ensure_index
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.unfinished import unfinished, unfinished_path
from fasttricks.errors import DataError
from tests.data.seek.standin import install, make_pictures, noting, picture

pytestmark = pytest.mark.usefixtures("standin")

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def paths(tmp_path):
    return make_pictures(tmp_path / "pictures", 40)


@pytest.fixture
def samples(paths):
    return Samples(paths)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "index" / "x.seek"


@pytest.fixture
def looked(tmp_path, monkeypatch):
    """How many pictures were looked at."""
    notes = tmp_path / "notes"
    notes.write_bytes(b"")
    install(monkeypatch.setattr, noting(notes))
    return lambda: notes.stat().st_size


def entries(index, samples):
    """What the index gives for each picture as it is now."""
    found = (index.lookup(n, *samples.read_stamped(n)[1]) for n in range(len(samples)))
    return [None if f is None else (f[0].tobytes(), f[1].tobytes()) for f in found]


# ------------------------------------------------------------------------------------ building


def test_same_file_whatever_the_workers(samples, tmp_path):
    one = build_index(samples, tmp_path / "1.seek", workers=1).read_bytes()
    for workers in (2, 7, None):
        other = build_index(samples, tmp_path / "n.seek", workers=workers)
        assert other.read_bytes() == one


def test_built_anew_each_time_and_atomically(samples, out, looked):
    count = looked
    build_index(samples, out)
    before = SeekIndex.open(out, samples)
    expected = entries(before, samples)
    build_index(samples, out)
    assert count() == 80
    assert entries(before, samples) == expected  # an open index keeps its content
    assert [p.name for p in out.parent.iterdir()] == ["x.seek"]


def test_default_place_depends_on_names_and_root(samples, paths, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    file = build_index(samples)
    assert file.parent == tmp_path / "cache" / "index"
    assert file.suffix == ".seek"
    assert build_index(Samples(paths[:-1])) != file
    monkeypatch.chdir(tmp_path)
    relative = Samples([p.relative_to(tmp_path) for p in paths])
    assert build_index(relative) == file
    (tmp_path / "link").symlink_to(tmp_path / "pictures")
    linked = [tmp_path / "link" / p.relative_to(tmp_path / "pictures") for p in paths]
    assert build_index(Samples(linked)) == file
    (tmp_path / "pictures").rename(tmp_path / "moved")
    moved = [tmp_path / "moved" / p.relative_to(tmp_path / "pictures") for p in paths]
    assert build_index(Samples(moved)) != file


def test_duplicates_empty_files_and_odd_names(tmp_path, out):
    names = ["ü→.jpg", "new\nline.jpg", os.fsdecode(b"\xff\xfe.jpg"), "empty.jpg"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(picture(number + 1) if number < 3 else b"")
    samples = Samples([tmp_path / names[n] for n in (0, 1, 2, 3, 2, 2, 0)])
    index = ensure_index(samples, out)
    lengths = [None if f is None else len(f[1]) for f in entries(index, samples)]  # bytes
    assert lengths == [8, 16, 24, None, 24, 24, 8]
    assert index.names()[2] == b"\xff\xfe.jpg"


def test_progress_bar_goes_to_stderr(samples, out, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    build_index(samples, out, progress=True)
    told = capsys.readouterr()
    assert "indexing pictures" in told.err
    assert told.out == ""


@pytest.mark.parametrize("bad", [{"workers": 0}, {"tile_pixels": 0}])
def test_bad_numbers(samples, out, bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        build_index(samples, out, **bad)
    assert list(out.parent.iterdir()) == []


def test_pictures_in_memory(out, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    samples = Samples([picture(n % 5 + 1) for n in range(50)])
    index = ensure_index(samples)
    assert [len(index.lookup(n, 2, 0)[1]) for n in range(50)] == [n % 5 + 1 for n in range(50)]
    assert index.path is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="in memory have no index file"):
        build_index(samples)
    with pytest.raises(DataError, match="in memory have no index file"):
        ensure_index(samples, out)


# ---------------------------------------------------------------------------------- refreshing


def test_refresh_looks_at_changed_pictures_only(samples, paths, out, looked):
    count = looked
    build_index(samples, out)
    untouched = out.read_bytes()
    build_index(samples, out, refresh=True)
    assert count() == 40
    assert out.read_bytes() == untouched
    paths[4].write_bytes(picture(9, b"other"))
    paths[5].unlink()
    build_index(samples, out, refresh=True, workers=2)
    assert count() == 41
    refreshed = out.read_bytes()
    assert build_index(samples, out).read_bytes() == refreshed


def test_refresh_after_adding_removing_and_sorting(samples, paths, out, tmp_path, looked):
    count = looked
    build_index(samples, out)
    new = tmp_path / "pictures" / "class_0" / "new.jpg"
    new.write_bytes(picture(3))
    other = Samples([new, *reversed(paths[5:])])
    build_index(other, out, refresh=True)
    assert count() == 41
    assert entries(SeekIndex.open(out, other), other) == entries(
        SeekIndex.open(build_index(other, tmp_path / "f.seek")), other
    )


def test_refresh_with_another_tile_looks_at_all(samples, out, looked):
    count = looked
    build_index(samples, out)
    build_index(samples, out, tile_pixels=64, refresh=True)
    assert count() == 80
    assert SeekIndex.open(out, samples).tile_pixels == 64


# ------------------------------------------------------------------------------------- ensuring


def test_ensure_builds_once_and_then_opens(samples, paths, out, looked, capsys):
    count = looked
    first = ensure_index(samples, out)
    os.utime(paths[3], ns=(1, 1))  # not looked at when an index is opened
    second = ensure_index(samples, out)
    assert count() == 40
    assert capsys.readouterr().err == ""
    assert entries(first, samples) == entries(second, samples)
    assert second.stale == 1


def damage_format(content):
    return content[:8] + b"\7" + content[9:]


def damage_header(content):
    return content[:30] + bytes([content[30] ^ 1]) + content[31:]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (damage_format, "has format 7 and this fasttricks reads 1"),
        (damage_header, "is damaged"),
        (lambda content: content[:100], "is cut short"),
        (lambda content: content[:-1], "is cut short"),
        (lambda content: content + b"more", "has grown"),
        (lambda content: b"", "is not a seek index"),
        (lambda content: b"x" * 1000, "is not a seek index"),
    ],
)
def test_an_unusable_index_is_made_again_and_that_is_said(samples, out, damage, told, capsys):
    good = build_index(samples, out).read_bytes()
    out.write_bytes(damage(good))
    index = ensure_index(samples, out)
    assert index.lookup(1, *samples.read_stamped(1)[1]) is not None
    assert out.read_bytes() == good
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert told in lines[0]
    assert str(out) in lines[0]
    assert lines[0].endswith("; making it again")


def test_index_of_other_pictures_is_renewed(samples, paths, out, looked, capsys):
    count = looked
    build_index(samples, out)
    fewer = Samples(paths[:20])
    index = ensure_index(fewer, out)
    assert len(index) == 20
    assert count() == 40  # all were known
    assert "another data set" in capsys.readouterr().err


def test_files_that_are_no_index_are_never_overwritten(samples, paths, out):
    content = paths[1].read_bytes()
    for make in (build_index, ensure_index):
        with pytest.raises(DataError, match="exists and is not a seek index: not overwritten"):
            make(samples, paths[1])
        with pytest.raises(DataError, match="is a folder; the seek index is a file"):
            make(samples, paths[1].parent)
    assert paths[1].read_bytes() == content


# -------------------------------------------------------------------------------- bad disks, Ctrl-C


@pytest.mark.parametrize("place", ["/proc/self/x.seek", "/sys/x.seek", "file/x.seek"])
def test_places_that_cannot_be_written(samples, tmp_path, place):
    (tmp_path / "file").write_text("")
    for make in (build_index, ensure_index):
        with pytest.raises(DataError, match=r"cannot write the seek index .*--out.*index=False"):
            make(samples, tmp_path / place)


def test_full_disk_leaves_nothing(samples, out):
    """The limit on file sizes stands for it: the kernel refuses the write in the same way."""
    build_index(samples, out)
    before = out.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
        with pytest.raises(DataError, match=r"cannot write the seek index .*too large"):
            build_index(samples, out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert out.read_bytes() == before
    assert [p.name for p in out.parent.iterdir()] == ["x.seek"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_stopped_half_way_leaves_nothing(samples, out, monkeypatch, stop):
    real, added = seek_build.SeekWriter.add, []

    def add(writer, records, points):
        if len(added) == 3:
            raise stop
        added.append(real(writer, records, points))

    monkeypatch.setattr(seek_build.SeekWriter, "add", add)
    before = threading.active_count()
    with pytest.raises(stop):
        build_index(samples, out, workers=2)
    assert list(out.parent.iterdir()) == []
    assert threading.active_count() == before


def test_an_error_in_a_thread_is_not_swallowed(samples, out, monkeypatch):
    def broken(data, tile_pixels, out):
        raise ZeroDivisionError

    install(monkeypatch.setattr, broken)
    with pytest.raises(ZeroDivisionError):
        build_index(samples, out)
    assert list(out.parent.iterdir()) == []


def test_left_overs_of_other_data_sets_are_removed_in_time(samples, out):
    with unfinished(out.with_name("living.seek"), "it"):
        killed = unfinished_path(out.with_name("killed.seek"))
        killed.write_bytes(b"half")
        build_index(samples, out)
        assert sorted(p.name for p in out.parent.iterdir()) == [".living.seek.part", "x.seek"]
