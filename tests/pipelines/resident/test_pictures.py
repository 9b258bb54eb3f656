import io
import os

import numpy as np
import pytest
from PIL import Image

from fasttricks import Samples
from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import DataError
from fasttricks.pipelines.resident import pictures as resident_pictures
from fasttricks.pipelines.resident.pictures import decode_all
from tests.pictures import encode, jpeg, smooth_picture


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTTRICKS_SHM", str(tmp_path))
    return tmp_path


@pytest.fixture
def closing():
    """Closes what a test decodes."""
    opened = []

    def decode(samples, *args):
        opened.append(decode_all(samples, 2, *args))
        return opened[-1]

    yield decode
    for decoded in opened:
        decoded.close()


def picture(decoded, number):
    offset, height, width, _ = decoded.entries[number].item()
    return decoded.bytes[offset : offset + 3 * height * width].reshape(height, width, 3)


def files(folder, count=40):
    folder.mkdir()
    for i in range(count):
        (folder / f"{i:02}.jpg").write_bytes(jpeg(20 + i, 60 - i, seed=i))
    return sorted(folder.iterdir())


def test_the_pixels_are_pils(closing, tmp_path):
    samples = Samples(files(tmp_path / "pictures"))
    decoded = closing(samples)
    for i in range(len(samples)):
        assert np.array_equal(picture(decoded, i), decode_rgb(samples.read(i)))
        address = decoded.bytes.ctypes.data + decoded.entries["offset"][i]
        assert decoded.addresses[i] == address
    assert not decoded.entries["by_pil"].any()
    assert decoded.causes == {}


def test_odd_and_bad_ones(closing):
    whole = jpeg(90, 120)
    good = encode(smooth_picture(50, 60, 2), "PNG")
    decoded = closing(Samples([whole, good, b"no picture", whole[: len(whole) // 2], b""]))
    assert np.array_equal(picture(decoded, 1), np.asarray(Image.open(io.BytesIO(good))))
    assert decoded.entries["by_pil"].tolist() == [0, 1, 0, 0, 0]
    assert sorted(decoded.causes) == [2, 3, 4]
    assert decoded.causes[4] == "the file is empty"


def test_nothing_good(closing):
    decoded = closing(Samples([b"", b"x"]))
    assert sorted(decoded.causes) == [0, 1]


def test_what_the_decoder_refuses_pil_decodes_or_explains(closing, monkeypatch):
    class Refuses:
        def decode(self, *_):
            raise DataError("refused")

    monkeypatch.setattr(resident_pictures, "find_decoder", Refuses)
    data = jpeg(33, 44)
    decoded = closing(Samples([data]))
    assert np.array_equal(picture(decoded, 0), decode_rgb(data))
    assert decoded.entries["by_pil"][0] == resident_pictures.REPAIRED

    def broken(_):
        raise DataError("broken")

    monkeypatch.setattr(resident_pictures, "decode_rgb", broken)
    decoded = closing(Samples([jpeg(34, 44), jpeg(35, 44)]))
    assert decoded.causes == {0: "broken", 1: "broken"}


def test_the_same_pictures_are_decoded_once(closing, monkeypatch, tmp_path):
    paths = files(tmp_path / "pictures", 5)
    first = closing(Samples(paths))
    monkeypatch.setattr(resident_pictures._Decoding, "fill", None)  # would fail
    second = closing(Samples(paths))
    assert np.array_equal(first.bytes, second.bytes)


@pytest.mark.parametrize("change", ["time", "name", "fewer", "order"])
def test_other_pictures_are_others(closing, tmp_path, change):
    paths = files(tmp_path / "pictures", 5)
    first = closing(Samples(paths))
    if change == "time":
        os.utime(paths[2], ns=(0, 10**9))
    elif change == "name":
        paths[2] = paths[2].rename(paths[2].with_name("x.jpg"))
    else:
        paths = paths[:4] if change == "fewer" else paths[::-1]
    made = []
    closing(Samples(paths), made.append)
    assert made[0] == made[-1]
    assert len(list(tmp_path.glob("fasttricks-*/*"))) == 2
    assert len(first.entries) == 5


def test_pictures_in_memory_are_known_by_their_content(closing, tmp_path):
    left, right = jpeg(30, 30, seed=1), jpeg(30, 30, seed=2)
    closing(Samples([left, right]))
    closing(Samples([left, right]))
    assert len(list(tmp_path.glob("fasttricks-*/*"))) == 1
    other = closing(Samples([right, left]))
    assert np.array_equal(picture(other, 0), decode_rgb(right))


def test_a_picture_that_changes_meanwhile(tmp_path, monkeypatch):
    paths = files(tmp_path / "pictures", 5)
    fill = resident_pictures._Decoding.fill

    def changed(self, memory):
        paths[3].write_bytes(jpeg(100, 100))
        return fill(self, memory)

    monkeypatch.setattr(resident_pictures._Decoding, "fill", changed)
    with pytest.raises(DataError, match=r"03\.jpg changed while"):
        decode_all(Samples(paths), 1)
    assert list(tmp_path.glob("fasttricks-*/*")) == []


def test_the_limit_is_told_the_exact_size_before_anything_is_decoded(tmp_path, monkeypatch):
    paths = files(tmp_path / "pictures", 5)

    def limit(size):
        pixels = sum(3 * Image.open(path).size[0] * Image.open(path).size[1] for path in paths)
        assert 0 <= size - pixels < 64 * 6 + 24 * 5
        raise DataError(f"needs {size}")

    monkeypatch.setattr(resident_pictures._Decoding, "fill", None)
    with pytest.raises(DataError, match="needs"):
        decode_all(Samples(paths), 1, limit)


def test_a_set_that_does_not_fit_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr("fasttricks.pipelines.resident.store.available_memory", lambda: 12_000_000)
    monkeypatch.setattr(resident_pictures._Decoding, "fill", None)
    large = jpeg(2000, 3000, seed=1)
    with pytest.raises(DataError) as error:
        decode_all(Samples([large, jpeg(20, 20)]), 1)
    text = str(error.value)
    assert text.startswith("2 decoded pictures need 0.018 GB and there are 0.012 GB of memory free")
    assert "fasttricks pack SRC DST --max-size N" in text
    assert "the pipeline roi" in text
