import pytest

from fasttricks.data.samples import Samples, Stamp
from fasttricks.data.tar_pack import TarPack
from fasttricks.doctor.source import (
    announced_sides,
    broken_shards,
    checksum_fits,
    has_checksums,
    keeps_files,
    open_data_set,
)
from fasttricks.errors import DataError
from fasttricks.pipelines.beton.file import Beton
from fasttricks.pipelines.beton.pack import pack
from tests.doctor.sets import make_folder, make_pack


def test_every_kind_of_data_set_opens(folder, tmp_path):
    pack(folder, tmp_path / "a.beton", progress=False)
    make_pack(tmp_path / "pack", folder)
    kinds = {folder: Samples, tmp_path / "a.beton": Beton, tmp_path / "pack": TarPack}
    for path, kind in kinds.items():
        samples = open_data_set(path, train=True)
        assert type(samples) is kind
        assert len(samples) == 10
        assert has_checksums(samples) == (kind is not Samples)
        assert keeps_files(samples)
        for i in range(10):
            data, stamp = samples.read_stamped(i)
            assert checksum_fits(data, stamp) or kind is Samples


def test_divided_folders(tmp_path):
    make_folder(tmp_path / "train", count=6)
    make_folder(tmp_path / "val", count=4)
    assert len(open_data_set(tmp_path, train=True)) == 6
    assert len(open_data_set(tmp_path, train=False)) == 4


def test_what_is_not_there_is_named(tmp_path):
    for name in ("nothing", "nothing.beton"):
        with pytest.raises(DataError, match=f"{name} does not exist"):
            open_data_set(tmp_path / name, train=True)


def test_checksums():
    stamp = Stamp(3, 0x352441C2)  # CRC-32 of b"abc"
    assert checksum_fits(b"abc", stamp)
    assert checksum_fits(b"P6 header abc", stamp)  # raw pixels are read with a header
    assert not checksum_fits(b"abd", stamp)
    assert not checksum_fits(b"bc", stamp)


def test_raw_betons_have_checksums_and_sides(folder, tmp_path):
    pack(folder, tmp_path / "a.beton", mode="raw", progress=False)
    samples = open_data_set(tmp_path / "a.beton", train=True)
    assert not keeps_files(samples)
    for i in range(len(samples)):
        assert checksum_fits(*samples.read_stamped(i))
    assert announced_sides(samples, 0) == (90, 40)
    assert announced_sides(open_data_set(folder, train=True), 0) is None


def test_shards(folder, tmp_path):
    samples = open_data_set(make_pack(tmp_path / "pack", folder), train=True)
    first, second = (tmp_path / "pack" / name for name, _ in samples.shards)
    assert list(broken_shards(samples)) == []
    assert list(broken_shards(open_data_set(folder, train=True))) == []
    with open(first, "ab") as file:
        file.write(bytes(512))
    second.unlink()
    (long, grown), (lost, missing) = broken_shards(samples)
    assert (long, lost) == (str(first), str(second))
    assert "were packed" in grown
    assert "No such file" in missing
