import numpy as np
import pytest

from fasttricks.data.seek.build import build_index
from fasttricks.doctor import dataset
from fasttricks.doctor.dataset import draw_sample, look_at_data
from fasttricks.errors import DataError
from fasttricks.pipelines.beton.pack import pack
from tests.doctor.sets import make_pack
from tests.pictures import jpeg


def test_a_folder(folder):
    looked = look_at_data(folder)
    data = looked.data
    assert (data.kind, data.pictures, data.classes, data.sampled) == ("folder", 10, 2, 10)
    assert (data.progressive, data.odd, data.bad) == (2, 0, 0)
    assert data.cuttable == 8  # all but the progressive ones
    sizes = [path.stat().st_size for path in folder.glob("*/*.jpg")]
    assert data.bytes_mean == pytest.approx(np.mean(sizes))
    assert data.total_bytes == pytest.approx(sum(sizes))
    pixels = [(40 + 7 * i) * (90 - 5 * i) for i in range(10)]
    assert data.decoded_bytes == pytest.approx(3 * sum(pixels))
    assert data.index == "none"
    assert sorted(looked.good) == list(range(10))
    build_index(looked.samples)
    assert look_at_data(folder).data.index == "usable"


def test_packs(folder, tmp_path):
    make_pack(tmp_path / "pack", folder)
    pack(folder, tmp_path / "a.beton", progress=False)
    kinds = [look_at_data(tmp_path / name).data for name in ("pack", "a.beton")]
    assert [data.kind for data in kinds] == ["pack", "beton"]
    assert [data.cuttable for data in kinds] == [8, 8]


def test_bad_and_odd_pictures_are_told_apart(folder):
    (folder / "class_0" / "00.jpg").write_bytes(jpeg(60, 60)[:-99])
    (folder / "class_0" / "02.jpg").unlink()
    (folder / "class_0" / "02.jpg").symlink_to("nowhere.jpg")
    looked = look_at_data(folder)
    assert looked.data.bad == 2
    assert sorted(looked.good) == list(range(2, 10))
    for path in folder.glob("*/*.jpg"):
        path.unlink()
        path.symlink_to("nowhere.jpg")
    with pytest.raises(DataError, match="none of 10 sampled pictures"):
        look_at_data(folder)


def test_a_slow_sample_ends_early(folder, monkeypatch):
    monkeypatch.setattr(dataset, "LOOKING_S", -1.0)
    assert look_at_data(folder).data.sampled == 1


def test_the_choice_is_even_and_repeats():
    chosen = draw_sample(100_000, 256)
    assert len(set(chosen)) == 256
    assert chosen == draw_sample(100_000, 256)
    assert abs(np.mean(chosen) / 100_000 - 0.5) < 0.1  # standard error: 0.018
    assert sorted(draw_sample(5, 256)) == [0, 1, 2, 3, 4]
