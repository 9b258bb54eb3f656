"""Lossless transcoding: same pixels, same markers, one Huffman-coded scan."""

import io

import numpy as np
import pytest
from PIL import Image

from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import DataError
from fasttricks.kernels.jpeg.seek import FRAME, TILE_PIXELS, inspect
from fasttricks.kernels.jpeg.segments import OK, REASONS
from tests.pictures import encode, jpeg, smooth_picture

try:
    from fasttricks.pipelines.decode.transcode import to_baseline
except ImportError as error:
    pytest.skip(str(error), allow_module_level=True)


def status(data):
    frames = np.zeros(1, FRAME)
    inspect(np.frombuffer(data, np.uint8), TILE_PIXELS, frames[0])
    return REASONS[frames[0]["status"]]


@pytest.mark.parametrize("sides", [(1, 1), (17, 33), (120, 161)])
@pytest.mark.parametrize(
    "options",
    [{}, {"subsampling": 0}, {"subsampling": 1}, {"channels": 1}, {"quality": 100}, {"quality": 5}],
)
def test_progressive(sides, options):
    data = jpeg(*sides, seed=3, progressive=True, **options)
    new = to_baseline(data)
    assert (status(data), status(new)) == ("progressive", REASONS[OK])
    assert np.array_equal(decode_rgb(new), decode_rgb(data))


def test_cmyk():
    image = Image.fromarray(smooth_picture(40, 50, 1, channels=4), "CMYK")
    data = encode(image, quality=90, progressive=True)
    new = to_baseline(data)
    assert Image.open(io.BytesIO(data)).info.get("progressive")
    assert not Image.open(io.BytesIO(new)).info.get("progressive")
    assert np.array_equal(decode_rgb(new), decode_rgb(data))


def test_markers_are_kept():
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = bytes(range(256)) * 700  # more than one segment holds
    data = jpeg(progressive=True, exif=exif, icc_profile=profile, comment=b"hello", dpi=(72, 72))
    new = Image.open(io.BytesIO(to_baseline(data)))
    assert new.getexif()[0x0112] == 6
    assert new.info["icc_profile"] == profile
    assert new.info["comment"] == b"hello"
    assert new.info["dpi"] == (72, 72)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xff\xd8", b"nothing of the kind", encode(smooth_picture(9, 9, 0), "PNG")),
        *(jpeg(progressive=True)[:-400], jpeg(progressive=True)[:300]),
    ],
    ids=["empty", "start", "text", "png", "cut-short", "header-only"],
)
def test_what_cannot_be_transcoded(data):
    with pytest.raises(DataError, match=r"^libturbojpeg: \w"):
        to_baseline(data)


def test_real_files(shared):
    """All that PIL decodes to the same pixels afterwards; each of these was looked at."""
    folder = shared("odd-jpegs")
    names = {
        *("p_progressive.jpg", "p_progressive_gray.jpg", "p_progressive_no_ac.jpg"),
        *("p_arithmetic.jpg", "p_dnl.jpg", "s_noninterleaved_422.jpg", "r_noninterleaved_dri.jpg"),
        *("e_prog_orient3.jpg", "e_prog_orient8.jpg", "b_invalid_dht_prog.jpg"),
    }
    found = [path for path in folder.rglob("*.jpg") if path.name in names]
    assert len(found) == len(names)
    for path in found:
        data = path.read_bytes()
        new = to_baseline(data)
        assert (status(data), status(new)) != (REASONS[OK], REASONS[OK]), path.name
        assert status(new) == REASONS[OK], path.name
        assert np.array_equal(decode_rgb(new), decode_rgb(data)), path.name
