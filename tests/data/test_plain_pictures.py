"""What compiled code reads is what Python reads; the rest it leaves alone."""

import os

import numpy as np
import pytest
from PIL import Image

from fasttricks.data import libc
from fasttricks.data.places import MEMORY, UNTOLD, Places
from fasttricks.data.plain_pictures import index_of, read_plain
from fasttricks.data.probe import Kind, probe
from fasttricks.data.samples import Samples
from fasttricks.data.slices import Slices
from fasttricks.data.tar_pack import TarPack
from tests.data.pack_maker import make_pack
from tests.data.plain import ROOM, check_plain, read, samples_in
from tests.descriptors import open_under
from tests.pictures import encode, jpeg, smooth_picture

pytestmark = pytest.mark.skipif(not libc.AVAILABLE, reason="not on this system")


@pytest.fixture
def samples(tmp_path):
    return samples_in(tmp_path)


# ---------------------------------------------------------------------------------- where they are


def test_files(samples):
    found, _, kept = read(samples)
    check_plain(found, samples)
    inside = kept[1].ctypes.data
    assert ((inside <= found["data"]) & (found["data"] < inside + ROOM)).all()


def test_any_order_and_repeats(samples):
    thrice, indices = samples.repeat(3), [7, 2, 2, 11, 0]
    found, _, _kept = read(thrice, indices=indices)
    check_plain(found, thrice, indices)


def test_pictures_in_memory_are_not_copied(samples):
    inside = Samples([samples.read(i) for i in range(len(samples))])
    found, _, (places, _room) = read(inside, room=0)
    check_plain(found, inside)
    assert (places.table["kind"] == MEMORY).all()


def slices_of(samples, folder):
    """The same pictures one behind the other in two files."""
    parts, offsets, numbers, sizes = [b"123", b"4"], [], [], []
    for i in range(len(samples)):
        data = samples.read(i)
        numbers.append(i % 2)
        offsets.append(len(parts[i % 2]))
        sizes.append(len(data))
        parts[i % 2] += data
    paths = [folder / f"{n}.bin" for n in range(2)]
    for path, part in zip(paths, parts, strict=True):
        path.write_bytes(part)
    where = {"file": np.array(numbers), "offset": np.array(offsets), "size": np.array(sizes)}
    return Slices(paths, **where, names=[b"%d" % i for i in range(len(samples))])


def test_slices(samples, tmp_path):
    slices = slices_of(samples, tmp_path)
    found, _, _kept = read(slices)
    check_plain(found, slices)


def test_slices_of_files_that_are_missing_or_too_short(samples, tmp_path):
    slices = slices_of(samples, tmp_path)
    os.truncate(slices.files[0], 300)
    slices.files[1].unlink()
    assert not read(slices)[0]["plain"].any()
    assert read(slices)[2][0].table["kind"].tolist()[1::2] == [UNTOLD, UNTOLD]


def test_packs(samples, tmp_path):
    pack = TarPack(make_pack(tmp_path / "pack", samples))
    found, _, _kept = read(pack)
    check_plain(found, pack)
    shard = bytearray((tmp_path / "pack" / pack.shards[0][0]).read_bytes())
    for i in np.flatnonzero(pack.file == 0):
        shard[int(pack.offset[i]) - 500] ^= 1  # in the member's name
    (tmp_path / "pack" / pack.shards[0][0]).write_bytes(shard)
    assert ((read(pack)[0]["plain"] == 1) == (pack.file != 0)).all()
    (tmp_path / "pack" / pack.shards[0][0]).unlink()
    again = TarPack(pack.folder)
    assert ((read(again)[0]["plain"] == 1) == (again.file != 0)).all()


def test_who_reads_in_another_way_is_asked_for_each_picture(samples, tmp_path):
    class Own(Samples):
        def read_stamped(self, index):
            return super().read_stamped(0)

    class OwnSlices(Slices):
        def read_stamped(self, index):
            return super().read_stamped(0)

    slices = slices_of(samples, tmp_path)
    slices.__class__ = OwnSlices
    for own in (Own([samples.path(i) for i in range(4)]), slices, Own([b"1"]).repeat(4)):
        assert (own.places(np.arange(4)).table["kind"] == UNTOLD).all()
        assert not read(own)[0]["plain"].any()


# -------------------------------------------------------------------------------- what is not plain


def test_only_what_is_plain_is_settled(tmp_path):
    good = jpeg(50, 70)
    contents = {
        "plain": good,
        "grey": jpeg(30, 30, channels=1),
        "progressive": jpeg(50, 60, progressive=True),
        "png": encode(smooth_picture(40, 40, 1), "PNG"),
        "cmyk": encode(Image.fromarray(smooth_picture(40, 40, 1)).convert("CMYK")),
        "cut short": good[: len(good) // 2],
        "text": b"no picture",
        "empty": b"",
        "refused by PIL": good[:2] + b"\xff\xe2\0\x0eICC_PROFILE\0" + good[2:],
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path / "plain", tmp_path / "link")
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    others = ["folder", "pipe", "link", "loop", "missing", "plain/below", "y" * 300, "z/" * 2100]
    names = [*contents, *others]
    found, _, _kept = read(Samples([tmp_path / name for name in names]))
    wanted = [name in ("plain", "grey", "progressive", "link") for name in names]
    assert (found["plain"] == 1).tolist() == wanted
    plain = [probe(data).kind == Kind.PLAIN for data in contents.values()]
    assert plain == wanted[: len(contents)]


def test_decompression_bombs_are_left_to_pil(samples, monkeypatch):
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 41 * 61 // 2)
    assert read(samples)[0]["plain"].tolist() == [1, 0, 0, 0]  # the limit is twice that
    for limit in (None, float("inf")):
        monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", limit)
        assert read(samples)[0]["plain"].all()


def test_what_does_not_fit_is_left_and_nothing_is_written_behind_the_room(samples):
    sizes = [len(samples.read(i)) for i in range(4)]
    for room in (0, 1, sizes[0], sizes[0] + 1, sizes[0] + 64, sum(sizes)):
        kept = np.full(room + 100, 7, np.uint8)
        places = samples.places(np.arange(4))
        found, _ = read_plain(places, index_of(None), np.arange(4), kept[:room])
        assert (kept[room:] == 7).all()
        assert found["plain"][0] == (sizes[0] < room)
        assert not found["plain"].all()
        check_plain(found[found["plain"] == 1], samples, np.flatnonzero(found["plain"]))


def test_no_descriptor_stays_open(samples, tmp_path):
    (tmp_path / "text").write_bytes(b"no picture")
    wrong = [tmp_path / "text", tmp_path, tmp_path / "nowhere"]
    mixed = Samples([*wrong, *(samples.path(i) for i in range(4))])
    for room in (0, 1000, ROOM):
        read(mixed, room=room)
    assert open_under(tmp_path) == 0


def test_untold_places_are_not_looked_at():
    garbage = np.full(3, -1, np.int64)
    table = Samples([b"1", b"2", b"3"]).places(np.arange(3)).table
    for name in table.dtype.names:
        table[name] = garbage
    table["kind"] = UNTOLD
    found, _ = read_plain(
        Places(table, np.frombuffer(b"", np.uint8)), index_of(None), np.arange(3), np.empty(9, "u1")
    )
    assert not found["plain"].any()


def test_elsewhere_everything_is_left_to_python(samples, monkeypatch):
    monkeypatch.setattr(libc, "AVAILABLE", False)
    assert not read(samples)[0]["plain"].any()
