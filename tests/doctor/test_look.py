import os

import pytest
from PIL import Image

from fasttricks.data.folder import scan_folder
from fasttricks.data.samples import Samples
from fasttricks.data.tar_pack import TarPack
from fasttricks.doctor import look as module
from fasttricks.doctor.decode import Decoded
from fasttricks.doctor.findings import (
    CHECKSUM,
    GEOMETRY,
    INDEX,
    MISNAMED,
    ODD,
    ORIENTATION,
    STALE,
    UNDECODABLE,
    UNREADABLE,
    WARNING,
)
from fasttricks.doctor.look import Inspector
from fasttricks.doctor.seek import find_index
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack
from tests.doctor.sets import Tampered, make_pack
from tests.doctor.test_decode import doubtful
from tests.pictures import encode, jpeg, smooth_picture

RGB = smooth_picture(20, 30, 0)


def turned():
    tags = Image.Exif()
    tags[0x0112] = 6
    return jpeg(20, 30, exif=tags)


CMYK = encode(Image.fromarray(RGB).convert("CMYK"))


def look_at(data):
    return Inspector(Samples([data]), None)(0)


def replace(path, old, new):
    content = path.read_bytes()
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))


def only(look):
    """Its one fault."""
    (fault,) = look.faults
    return fault


def test_a_sound_picture(folder):
    samples = scan_folder(folder)
    look = Inspector(samples, None)(0)
    assert (look.faults, look.notes, look.broken) == ([], [], False)
    assert look.traits == ["sequential"]
    assert (look.size, len(look.digest)) == (len(samples.read(0)), 16)
    assert (look.probe.height, look.probe.width) == (40, 90)


@pytest.mark.parametrize(
    ("data", "traits", "notes"),
    [
        (jpeg(20, 30, progressive=True), ["progressive"], []),
        (jpeg(20, 30, channels=1), ["sequential", "grey"], []),
        (CMYK, ["sequential", "CMYK"], [(ODD, "neither grey nor three components")]),
        (turned(), ["sequential"], [(ORIENTATION, "orientation 6")]),
        (encode(RGB, "PNG"), [], [(ODD, "not a JPEG")]),
        (encode(smooth_picture(20, 30, 0, 4), "PNG"), [], [(ODD, "not a JPEG")]),
    ],
)
def test_what_is_noted_is_not_broken(data, traits, notes):
    look = look_at(data)
    assert not look.broken
    assert (look.traits, [tuple(note) for note in look.notes]) == (traits, notes)


def test_a_png_named_jpg_is_noted(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encode(RGB, "PNG"))
    look = Inspector(Samples([tmp_path / "a.jpg"]), None)(0)
    assert not look.broken
    assert (MISNAMED, "PNG named .jpg") in look.notes


def test_warnings_of_libturbojpeg_are_noted():
    pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", exc_type=ImportError)
    look = look_at(doubtful())
    assert not look.broken
    assert [note.kind for note in look.notes] == [WARNING]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"no picture", "not recognise"),
        (jpeg(60, 60)[:-100], "end-of-image"),
        (encode(RGB, "PNG")[:-300], "PIL cannot decode it"),
    ],
)
def test_undecodable(data, words):
    look = look_at(data)
    assert only(look).kind == UNDECODABLE
    assert words in only(look).cause
    assert (look.notes, look.traits) == ([], [])


def test_unreadable(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    samples = Samples([tmp_path / "gone.jpg", tmp_path / "pipe.jpg"])
    for number, words in ((0, "No such file"), (1, "not a regular file")):
        look = Inspector(samples, None)(number)
        assert only(look).kind == UNREADABLE
        assert words in only(look).cause
        assert (look.probe, look.digest, look.size) == (None, b"", 0)


@pytest.mark.parametrize("decoded", [(20, 31), (21, 30)])
def test_a_size_that_is_not_the_headers(decoded, monkeypatch):
    monkeypatch.setattr(module, "decode_whole", lambda *args: Decoded(*decoded, ""))
    fault = only(look_at(jpeg(20, 30)))
    assert fault.kind == GEOMETRY
    assert f"decodes to {decoded[1]} x {decoded[0]}, but its header says 30 x 20" in fault.cause


def test_a_size_that_is_not_the_indexs(folder, monkeypatch):
    samples = scan_folder(folder)
    Tampered(samples).write()
    monkeypatch.setattr(module, "decode_whole", lambda *args: Decoded(40, 91, ""))
    faults = Inspector(samples, find_index(samples).index)(0).faults
    assert [fault.kind for fault in faults] == [GEOMETRY] * 2
    assert "the seek index has 90 x 40" in faults[1].cause


def test_index_entries(folder):
    samples = scan_folder(folder)
    tampered = Tampered(samples)
    tampered.flip(tampered.points_at(0))
    tampered.write()
    os.utime(samples.name(1), ns=(1, 1))
    samples.path(2).unlink()
    inspector = Inspector(samples, find_index(samples).index)
    assert only(inspector(0)).kind == INDEX
    assert [note.kind for note in inspector(1).notes] == [STALE]
    assert not inspector(1).broken
    assert only(inspector(2)).kind == UNREADABLE
    assert (inspector(3).faults, inspector(3).notes) == ([], [])


def test_packed_pictures(folder, tmp_path):
    samples = scan_folder(folder)
    packed = make_pack(tmp_path / "pack", folder)
    shard = packed / "shard-000000.tar"
    good = samples.read(0)
    replace(shard, good, good[:-3] + bytes([good[-3] ^ 1]) + good[-2:])
    replace(shard, b"0002.jpg", b"0002.jpx")
    inspector = Inspector(TarPack(packed), None)
    assert CHECKSUM in [fault.kind for fault in inspector(0).faults]
    assert only(inspector(2)).kind == UNREADABLE
    assert "disagree" in only(inspector(2)).cause
    assert not any(inspector(number).broken for number in (1, 3, 4, 5, 6, 7, 8, 9))


@pytest.mark.parametrize("mode", ["source", "jpg", "raw"])
def test_betons(folder, tmp_path, mode):
    (folder / "class_0" / "named.jpg").write_bytes(encode(RGB, "PNG"))
    (folder / "class_0" / "wrong.jpg").write_bytes(b"no picture")
    path = tmp_path / "a.beton"
    pack(folder, path, mode=mode, progress=False)
    samples = Beton(path)
    looks = [Inspector(samples, None)(number) for number in range(len(samples))]
    broken = [look for look in looks if look.broken]
    assert [samples.name(look.index)[-9:] for look in broken] == ["wrong.jpg"]
    assert only(broken[0]).kind == UNREADABLE
    notes = {tuple(note) for look in looks for note in look.notes}
    assert (
        notes
        == {
            "source": {(ODD, "not a JPEG"), (MISNAMED, "PNG named .jpg")},
            "jpg": set(),
            "raw": {(ODD, "raw pixels of a .beton")},
        }[mode]
    )


def test_changed_betons(folder, tmp_path):
    path = tmp_path / "a.beton"
    pack(folder, path, progress=False)
    samples = Beton(path)
    good = samples.read(3)
    replace(path, good, good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
    samples.stored = samples.stored.copy()
    samples.stored["height"][4] += 1
    inspector = Inspector(samples, None)
    assert CHECKSUM in [fault.kind for fault in inspector(3).faults]
    assert only(inspector(4)).kind == GEOMETRY
    assert "the .beton has" in only(inspector(4)).cause
    assert not inspector(5).broken
