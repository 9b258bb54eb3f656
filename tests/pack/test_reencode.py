"""What becomes of a picture: its bytes, or better ones that are known to be as good."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from fasttricks.data.pixels import decode_rgb
from fasttricks.data.samples import Samples
from fasttricks.errors import DataError, FasttricksError
from fasttricks.pack.reencode import Packer
from fasttricks.pack.settings import PackSettings
from tests.pictures import encode, jpeg, smooth_picture

pytest.importorskip("fasttricks.pipelines.decode.turbojpeg", reason="libturbojpeg is not installed")


def packed(data, **settings):
    result = Packer(Samples([data]), PackSettings(**settings))(0)
    assert result.crc == zlib.crc32(result.data)
    return result


ODD = {
    "baseline": jpeg(60, 81),
    "progressive": jpeg(60, 81, progressive=True),
    "png": encode(smooth_picture(60, 81, 0), "PNG"),
    "cmyk": encode(Image.fromarray(smooth_picture(60, 81, 5, channels=4), "CMYK"), quality=90),
    "damaged": jpeg(60, 81)[:-500],
    "text": b"no picture",
    "empty": b"",
}


@pytest.mark.parametrize("name", ODD)
def test_without_settings_nothing_changes(name):
    result = packed(ODD[name])
    assert result.data == ODD[name]
    assert result.ending is None
    is_bad = name in ("damaged", "text", "empty")
    assert (result.note or {}).get("did") == ("bad" if is_bad else None)


@pytest.mark.parametrize("name", [name for name in ODD if name != "progressive"])
def test_baseline_leaves_the_others_alone(name):
    assert packed(ODD[name], baseline=True).data == ODD[name]


def test_baseline():
    result = packed(ODD["progressive"], baseline=True)
    assert np.array_equal(decode_rgb(result.data), decode_rgb(ODD["progressive"]))
    assert not Image.open(io.BytesIO(result.data)).info.get("progressive")
    assert result.note == {
        "did": "baseline",
        "why": "progressive",
        "before": {"bytes": len(ODD["progressive"]), "width": 81, "height": 60},
        "after": {"bytes": len(result.data), "width": 81, "height": 60},
    }
    assert packed(result.data, baseline=True).note is None


def test_progressive_cmyk_becomes_baseline():
    cmyk = Image.fromarray(smooth_picture(60, 81, 5, channels=4), "CMYK")
    data = encode(cmyk, quality=90, progressive=True)
    result = packed(data, baseline=True)
    assert result.note["did"] == "baseline"
    assert np.array_equal(decode_rgb(result.data), decode_rgb(data))


def wrong_pixels(data):
    return jpeg(60, 81, seed=9)


def refuses(data):
    raise DataError("libturbojpeg: no")


def unreadable(data):
    return b"\xff\xd8\xff"


@pytest.mark.parametrize(
    ("transcoder", "why"),
    [
        (wrong_pixels, "progressive; its pixels would change"),
        (refuses, "progressive; libturbojpeg: no"),
        (unreadable, "progressive; "),
    ],
)
def test_a_picture_that_cannot_be_done_well_is_kept(transcoder, why, monkeypatch):
    monkeypatch.setattr("fasttricks.pipelines.decode.transcode.to_baseline", transcoder)
    result = packed(ODD["progressive"], baseline=True)
    assert result.data == ODD["progressive"]
    assert result.note["did"] == "kept"
    assert result.note["why"].startswith(why)


@pytest.mark.parametrize(
    ("sides", "small"), [((80, 121), (40, 60)), ((121, 80), (60, 40)), ((400, 41), (390, 40))]
)
def test_max_size(sides, small):
    pixels = smooth_picture(*sides, 0)
    result = packed(encode(pixels, "PNG"), max_size=40, quality=80)
    want = Image.fromarray(pixels).resize(small[::-1], Image.Resampling.LANCZOS)
    again = encode(want, quality=80, subsampling=2)
    assert np.array_equal(decode_rgb(result.data), decode_rgb(again))
    assert result.ending == "jpg"
    assert result.note["did"] == "reduced"
    assert result.note["why"] == "shorter side over 40"
    assert result.note["before"]["width"] == sides[1]
    assert result.note["after"] == {
        "bytes": len(result.data),
        "width": small[1],
        "height": small[0],
    }


def test_smaller_pictures_keep_their_bytes():
    for data in (jpeg(40, 90), encode(smooth_picture(300, 40, 0), "PNG")):
        assert packed(data, max_size=40) == packed(data)


def test_which_side_is_up_is_kept():
    exif = Image.Exif()
    exif[0x0112] = 6
    result = packed(jpeg(80, 100, exif=exif), max_size=40)
    assert Image.open(io.BytesIO(result.data)).getexif()[0x0112] == 6
    assert decode_rgb(result.data).shape == (40, 50, 3)


def test_a_picture_longer_than_jpeg_allows_is_kept():
    data = encode(np.zeros((4, 140_000, 3), np.uint8), "PNG")
    result = packed(data, max_size=2)
    assert result.data == data
    assert result.note["did"] == "kept"


def test_a_missing_file_is_an_empty_picture(tmp_path):
    result = Packer(Samples([tmp_path / "nowhere.jpg"]), PackSettings())(0)
    assert result.data == b""
    assert result.note["did"] == "bad"
    assert "cannot be read: No such file" in result.note["why"]


@pytest.mark.parametrize("settings", [{"baseline": True}, {"max_size": 8}])
def test_libturbojpeg_is_missed_at_once(settings, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fasttricks.pipelines.decode.transcode", None)
    with pytest.raises(FasttricksError):
        Packer(Samples([b""]), PackSettings(**settings))
    Packer(Samples([b""]), PackSettings())


def test_real_odd_files(shared):
    """PIL's verdict and pixels are those of the original, whatever was done."""
    changed = 0
    for path in sorted(shared("odd-jpegs").rglob("*")):
        if not path.is_file() or path.suffix == ".md":
            continue
        data = path.read_bytes()
        result = packed(data, baseline=True)
        if (result.note or {}).get("did") != "baseline":
            assert result.data == data
            continue
        changed += 1
        assert np.array_equal(decode_rgb(result.data), decode_rgb(data)), path.name
    assert changed >= 12
