from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from fasttricks.bench.config import BenchConfig
from fasttricks.bench.files import PictureFiles, open_files
from fasttricks.bench.packs import PACKS, make_pack
from fasttricks.errors import DataError
from fasttricks.pipelines.beton.file import FORMAT, Beton

needs_ffcv = pytest.mark.skipif(
    importlib.util.find_spec("ffcv") is None, reason="ffcv is not installed"
)


@pytest.fixture
def files(picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PictureFiles:
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    return open_files(BenchConfig(data=picture_folder, batch_size=1))


@pytest.mark.parametrize("kind", ["source", "jpg"])
def test_a_pack_is_made_once_and_said_so(files: PictureFiles, kind: str, tmp_path: Path) -> None:
    said: list[str] = []
    path = make_pack(kind, files, said.append)
    assert path.stat().st_size > 1000
    assert path.is_relative_to(tmp_path / "cache" / "beton")
    assert said[0] == f"packing 37 pictures for FFCV ({PACKS[kind]}), once"
    assert said[1].startswith("packed in ")
    assert make_pack(kind, files, said.append) == path
    assert len(said) == 2


def test_a_pack_of_tar_shards_becomes_a_beton(
    picture_pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTTRICKS_CACHE", str(tmp_path / "cache"))
    shards = open_files(BenchConfig(data=picture_pack, batch_size=1))
    assert len(Beton(make_pack("source", shards, print))) == 37


@pytest.mark.parametrize("harm", ["cut short", "other format", "flipped bit", "empty"])
def test_a_damaged_pack_is_made_again(files: PictureFiles, harm: str) -> None:
    path = make_pack("source", files, print)
    good = path.read_bytes()
    bad = {
        "cut short": good[:-9],
        "other format": good.replace(b'"fasttricks": %d' % FORMAT, b'"fasttricks": 0', 1),
        "flipped bit": good[:-1] + bytes([good[-1] ^ 1]),
        "empty": b"",
    }[harm]
    assert bad != good
    path.write_bytes(bad)
    said: list[str] = []
    assert make_pack("source", files, said.append) == path
    assert said[0].startswith(f"made again: {path} ")
    assert said[1].startswith("packing 37 pictures")
    assert len(Beton(path)) == 37


def test_kinds_have_files_of_their_own(files: PictureFiles) -> None:
    assert make_pack("source", files, print) != make_pack("jpg", files, print)


@needs_ffcv
def test_ffcv_writes_half_of_the_pictures_uncompressed(files: PictureFiles) -> None:
    """Its recipe for ResNet-50; all as JPEGs would make its rows slower than they are."""
    from ffcv.fields.rgb_image import IMAGE_MODES
    from ffcv.reader import Reader

    modes = Reader(str(make_pack("half", files, print))).metadata["f0"]["mode"].tolist()
    assert len(modes) == 37
    assert 8 <= modes.count(IMAGE_MODES["raw"]) <= 29
    assert modes.count(IMAGE_MODES["raw"]) + modes.count(IMAGE_MODES["jpg"]) == 37


@needs_ffcv
def test_a_picture_that_ffcv_cannot_read_ends_its_writer(
    files: PictureFiles, tmp_path: Path
) -> None:
    broken = tmp_path / "broken" / "a"
    broken.mkdir(parents=True)
    (broken / "1.jpg").write_bytes(b"no picture")
    bad = PictureFiles(root=broken.parent, label="", count=1, paths=(str(broken / "1.jpg"),))
    with pytest.raises(DataError, match=r"FFCV's writer failed \(.*1\.jpg: cannot identify"):
        make_pack("half", bad, print)
    assert list((tmp_path / "cache" / "beton").iterdir()) == []
