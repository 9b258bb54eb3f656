"""Packing from end to end: read back by ourselves and as others read tars."""

import io
import itertools
import json
import os
import tarfile
import zlib

import numpy as np
import pytest
from PIL import Image

from fasttricks.data.folder import scan_folder
from fasttricks.data.open import open_data
from fasttricks.data.pixels import decode_rgb
from fasttricks.data.probe import probe
from fasttricks.data.samples import Samples
from fasttricks.data.seek.file import SeekIndex
from fasttricks.data.tar_pack import TarPack
from fasttricks.errors import DataError
from fasttricks.pack import pack
from tests.pack.archives import (
    synset_lines,
    train_pictures,
    val_pictures,
    write_train,
    write_val,
)
from tests.pack.packs import contents, small_folder, stream, write
from tests.pictures import encode, jpeg, smooth_picture

WHOLE = jpeg(90, 120, seed=1)
MIXED = {
    "b cat/plain.JPEG": jpeg(61, 83, seed=0),
    "b cat/png named.jpg": encode(smooth_picture(50, 60, 2), "PNG"),
    "b cat/short.jpg": WHOLE[: len(WHOLE) // 2],
    "a.dog/progressive.jpg": jpeg(40, 30, seed=3, progressive=True),
    "a.dog/same.png": encode(smooth_picture(9, 9, 4), "PNG"),
    "a.dog/same.jpg": jpeg(10, 11, seed=4),
    "a.dog/empty.webp": b"",
    "c/n\xfcll.jpg": jpeg(33, 33, seed=5),
}


@pytest.fixture
def mixed(tmp_path):
    return write(tmp_path / "mixed", MIXED)


def test_samples_are_those_of_the_folder(mixed, tmp_path):
    report = pack(mixed, tmp_path / "p")
    folder, packed = scan_folder(mixed), open_data(tmp_path / "p")
    assert isinstance(packed, TarPack)
    assert packed.classes == folder.classes
    assert packed.targets.tolist() == folder.targets.tolist()
    for index in range(len(folder)):
        assert packed.read(index) == folder.read(index)
        data, stamp = packed.read_stamped(index)
        assert stamp == (len(data), zlib.crc32(data))
    assert len(packed) == len(folder) == report.samples == 8
    bad = [i for i in range(8) if probe(folder.read(i)).kind == 2]
    assert [error.index for error in report.bad] == bad
    assert [error.name for error in report.bad] == [folder.name(i) for i in bad]


def test_others_read_it_as_webdataset(mixed, tmp_path):
    pack(mixed, tmp_path / "p")
    folder = scan_folder(mixed)
    expected = {(folder.read(i), str(folder.targets[i]).encode()): None for i in range(len(folder))}
    keys, found = [], {}
    for key, parts in stream(tmp_path / "p"):
        keys.append(key)
        cls = parts.pop("cls")
        ((ending, data),) = parts.items()
        assert ending in ("jpg", "png", "webp")
        found[data, cls] = None
    assert found == expected
    assert len(set(keys)) == len(keys) == 8
    assert {"b%20cat/png%20named", "a%2Edog/same", "a%2Edog/same%2Epng", "c/n%C3%BCll"} < {*keys}


def test_the_order_in_the_shards(tmp_path):
    names = {f"c{i // 20}/{i:02d}.jpg": b"" for i in range(60)}
    for split in ("train", "val"):
        write(tmp_path / "x" / split, names)
    pack(tmp_path / "x", tmp_path / "p")
    pack(tmp_path / "x", tmp_path / "q", shuffle=False)
    in_order = [name.removesuffix(".jpg") for name in names]

    def keys(folder):
        return [key for key, _ in stream(folder)]

    mixed = keys(tmp_path / "p" / "train")
    assert sorted(mixed) == in_order != mixed
    assert len({key[:2] for key in mixed[:20]}) == 3
    for part in ("p/val", "q/train", "q/val"):
        assert keys(tmp_path / part) == in_order


@pytest.mark.parametrize("settings", [{}, {"baseline": True, "max_size": 40, "shard_size": 0.02}])
def test_thread_counts_and_repetition_change_nothing(mixed, tmp_path, settings):
    if settings:
        pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", reason="no libturbojpeg")
    for name, workers in (("p", 1), ("q", 4), ("r", 4)):
        pack(mixed, tmp_path / name, workers=workers, **settings)
    assert contents(tmp_path / "p") == contents(tmp_path / "q") == contents(tmp_path / "r")


def test_the_seek_index_is_in_the_pack(tmp_path):
    folder = small_folder(tmp_path / "x")
    pack(folder, tmp_path / "p")
    packed = open_data(tmp_path / "p")
    index = SeekIndex.open(tmp_path / "p" / "pack.seek", packed)
    for number in range(len(packed)):
        assert index.lookup(number, *packed.read_stamped(number)[1]) is not None
    pack(folder, tmp_path / "q", index=False)
    expected = contents(tmp_path / "p")
    del expected["pack.seek"]
    assert contents(tmp_path / "q") == expected


@pytest.mark.parametrize(
    "targets", [np.arange(6) - 3, np.arange(6, dtype=np.uint8), np.eye(6, dtype=np.float32)]
)
def test_targets(targets, tmp_path):
    pack(Samples([jpeg(8, 9, seed=i) for i in range(6)], targets), tmp_path / "p")
    packed = TarPack(tmp_path / "p")
    assert packed.targets.dtype == targets.dtype
    assert np.array_equal(packed.targets, targets)
    for key, parts in stream(tmp_path / "p"):
        if targets.ndim == 1:
            assert int(parts["cls"]) == targets[int(key)]
        else:
            assert np.array_equal(np.load(io.BytesIO(parts["npy"])), targets[int(key)])


def test_shards_have_the_size_asked_for(tmp_path):
    folder = small_folder(tmp_path / "x", 30)
    report = pack(folder, tmp_path / "p", shard_size=0.03)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "p").glob("*.tar"))]
    assert report.shards == len(sizes) > 2
    assert report.size_bytes == sum(sizes)
    assert all(20_000 < size <= 30_000 + tarfile.RECORDSIZE for size in sizes[:-1])
    packed = open_data(tmp_path / "p")
    assert [packed.read(i) for i in range(30)] == [scan_folder(folder).read(i) for i in range(30)]


def test_archives_become_the_pack_of_the_unpacked_folder(tmp_path):
    (tmp_path / "a").mkdir()
    write_train(tmp_path / "a")
    write_val(tmp_path / "a")
    (tmp_path / "a" / "synset_labels.txt").write_bytes(synset_lines())
    write(tmp_path / "f" / "train", train_pictures())
    write(tmp_path / "f" / "val", val_pictures())
    pack(tmp_path / "a", tmp_path / "p")
    pack(tmp_path / "f", tmp_path / "q")
    p, q = contents(tmp_path / "p"), contents(tmp_path / "q")
    for part in ("train", "val"):
        del p[f"{part}/manifest.jsonl"], q[f"{part}/manifest.jsonl"]
    assert p == q
    assert len(p) == 6


def test_tars_and_packs_are_packed_again(tmp_path):
    folder = small_folder(tmp_path / "x", 20)
    pack(folder, tmp_path / "p", shard_size=0.02)
    pack(tmp_path / "p", tmp_path / "q")
    p, q = open_data(tmp_path / "p"), open_data(tmp_path / "q")
    assert [q.member(i) for i in range(20)] == [p.member(i) for i in range(20)]
    assert [q.read(i) for i in range(20)] == [p.read(i) for i in range(20)]
    assert q.targets.tolist() == p.targets.tolist()
    assert q.classes == p.classes
    one = tmp_path / "p" / "shard-000000.tar"
    pack(one, tmp_path / "r", shuffle=False)
    assert stream(tmp_path / "r") == [
        (key, parts) for key, parts in stream(tmp_path / "p")[: len(open_data(tmp_path / "r"))]
    ]


def test_baseline_and_its_account(mixed, tmp_path):
    pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", reason="no libturbojpeg")
    report = pack(mixed, tmp_path / "p", baseline=True)
    folder, packed = scan_folder(mixed), open_data(tmp_path / "p")
    changed = [i for i in range(8) if packed.read(i) != folder.read(i)]
    assert [folder.name(i).rpartition("/")[2] for i in changed] == ["progressive.jpg"]
    new, old = packed.read(changed[0]), folder.read(changed[0])
    assert np.array_equal(decode_rgb(new), decode_rgb(old))
    index = SeekIndex.open(tmp_path / "p" / "pack.seek", packed)
    assert index.lookup(changed[0], *packed.read_stamped(changed[0])[1]) is not None
    head, *notes = map(json.loads, (tmp_path / "p" / "manifest.jsonl").read_text().splitlines())
    assert head["samples"] == 8
    assert head["source"] == str(mixed)
    assert head["settings"]["baseline"] is True
    assert head["changes"] == {"baseline": {"progressive": 1}}
    assert head["bad"] == 2
    assert sorted((note["did"], note["sample"]) for note in notes) == sorted(
        [("baseline", changed[0]), *(("bad", error.index) for error in report.bad)]
    )
    (note,) = [note for note in notes if note["did"] == "baseline"]
    assert note["source"] == folder.name(changed[0])
    assert (note["before"]["bytes"], note["after"]["bytes"]) == (len(old), len(new))
    assert dict(report.changes) == {("baseline", "progressive"): 1}
    assert "1 made baseline without loss (progressive)" in str(report)
    assert f"bad: sample {report.bad[0].index} (" in str(report)


def test_max_size(mixed, tmp_path):
    pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", reason="no libturbojpeg")
    report = pack(mixed, tmp_path / "p", max_size=32, quality=70)
    folder, packed = scan_folder(mixed), open_data(tmp_path / "p")
    for index in range(8):
        before, after = folder.read(index), packed.read(index)
        facts = probe(before)
        if facts.kind != 2 and min(facts.height, facts.width) > 32:
            assert min(decode_rgb(after).shape[:2]) == 32
            assert Image.open(io.BytesIO(after)).format == "JPEG"
            assert packed.member(index).endswith(b".jpg")
        else:
            assert after == before
    assert dict(report.changes) == {("reduced", "shorter side over 32"): 3}
    head = json.loads((tmp_path / "p" / "manifest.jsonl").read_text().splitlines()[0])
    assert head["settings"]["quality"] == 70


def test_a_pack_is_replaced_and_a_folder_is_not(tmp_path):
    folder = small_folder(tmp_path / "x", 6)
    pack(folder, tmp_path / "p")
    pack(small_folder(tmp_path / "y", 3), tmp_path / "p")
    assert len(open_data(tmp_path / "p")) == 3
    (tmp_path / "p" / "mine.txt").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(DataError, match=r"it holds mine\.txt"):
        pack(folder, tmp_path / "p")
    assert contents(tmp_path) == before


def test_source_and_destination_stay_apart(tmp_path):
    folder = small_folder(tmp_path / "x", 6)
    for destination in (folder, folder / "p", tmp_path):
        with pytest.raises(DataError, match="must not lie in one another"):
            pack(folder, destination)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_what_cannot_be_asked_for(tmp_path):
    folder = small_folder(tmp_path / "x", 1)
    with pytest.raises(ValueError, match="workers must be at least 1; got 0"):
        pack(folder, tmp_path / "p", workers=0)
    with pytest.raises(TypeError, match="nonsense"):
        pack(folder, tmp_path / "p", nonsense=1)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="is a file"):
        pack(folder, tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "x"]


def test_names_that_are_no_text(tmp_path):
    """Not even the last line, which names a bad picture, may fail on them."""
    folder = os.fsencode(tmp_path / "x") + b"/c\xff"
    os.makedirs(folder)
    for name in (b"a\xfe.jpg", b"b.jpg"):
        with open(folder + b"/" + name, "wb") as file:
            file.write(jpeg(8, 8) if name == b"b.jpg" else b"bad")
    report = pack(tmp_path / "x", tmp_path / "p")
    assert "c\\udcff/a\\udcfe.jpg): PIL" in str(report).encode().decode()
    assert [key for key, _ in stream(tmp_path / "p")] == ["c%FF/b", "c%FF/a%FE"]
    assert open_data(tmp_path / "p").classes == ["c\udcff"]


def test_many_bad_ones_are_not_all_printed(tmp_path):
    report = pack(Samples([b"bad"] * 30), tmp_path / "p")
    assert len(report.bad) == 30
    lines = str(report).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 10 more"


def test_a_long_or_strange_name(tmp_path):
    """Percent signs triple a name's length; tars take it, and so do we."""
    name = f"{'ü' * 60}/{'é' * 100}.jpg"
    folder = write(tmp_path / "x", {name: jpeg(8, 8, seed=1), "b/1.jpg": jpeg(8, 8, seed=2)})
    pack(folder, tmp_path / "p")
    packed = open_data(tmp_path / "p")
    assert [packed.read(i) for i in range(2)] == [scan_folder(folder).read(i) for i in range(2)]
    assert sorted(key for key, _ in stream(tmp_path / "p"))[0] == (
        "%C3%BC" * 60 + "/" + "%C3%A9" * 100
    )


def test_real_pictures(shared, tmp_path):
    """A slice of ImageNet: the pack's samples are the folder's, and few bytes go into tar."""
    folder = scan_folder(shared("imagenet-sample"))
    some = list(itertools.islice(range(len(folder)), 0, None, 25))
    samples = Samples([folder.path(i) for i in some], folder.targets[some])
    report = pack(samples, tmp_path / "p")
    packed = open_data(tmp_path / "p")
    assert [packed.read(i) for i in range(len(some))] == [samples.read(i) for i in range(len(some))]
    size = sum(len(samples.read(i)) for i in range(len(some)))
    assert report.size_bytes < size + len(some) * 4 * 512 + 2 * tarfile.RECORDSIZE
