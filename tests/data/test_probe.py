"""Plain, odd or bad: for pictures made here, for real odd ones, and for files damaged at random."""

import functools
import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fasttricks.data.pixels import decode_rgb, ppm
from fasttricks.data.probe import Kind, probe, probe_and_decode
from fasttricks.errors import DataError
from tests.data import turbojpeg
from tests.data.jpeg_surgery import APP13, SOF0, exif, find, mutated, patched, with_first
from tests.pictures import encode, jpeg, smooth_picture

RGB = smooth_picture(30, 50, 1)
GREY = RGB[..., 0]
ALPHA = np.dstack([RGB, GREY])

PLAIN = {
    "colour": jpeg(30, 50),
    "grey": jpeg(30, 50, channels=1),
    "progressive": jpeg(30, 50, progressive=True),
    "4:4:4": jpeg(30, 50, subsampling=0),
    "4:2:2": jpeg(30, 50, subsampling=1),
    "restarts": jpeg(30, 50, restart_marker_blocks=2),
    "1 x 1": jpeg(1, 1),
    "1 x 999": jpeg(999, 1),
    "followed by junk": jpeg(30, 50) + b"junk",
    "several pictures": encode(
        Image.fromarray(RGB), "MPO", save_all=True, append_images=[Image.fromarray(RGB)]
    ),
}
ODD = {
    "CMYK": encode(Image.fromarray(RGB).convert("CMYK")),
    "RGB JPEG": encode(RGB, keep_rgb=True),
    "PNG": encode(RGB, "PNG"),
    "PNG with a palette": encode(Image.fromarray(RGB).quantize(8), "PNG"),
    "PNG of 16 bit": encode(GREY.astype(np.uint16) * 257, "PNG"),
    "PNG with alpha": encode(ALPHA, "PNG"),
    "PNG of 1 bit": encode(Image.fromarray(GREY).convert("1"), "PNG"),
    "GIF": encode(RGB, "GIF"),
    "BMP": encode(RGB, "BMP"),
    "TIFF": encode(RGB, "TIFF"),
    "PPM": encode(RGB, "PPM"),
    "PGM": encode(GREY, "PPM"),
    "WebP": encode(RGB, "WEBP"),
    "WebP with alpha": encode(ALPHA, "WEBP"),
}
BAD = {
    "empty": b"",
    "one byte": b"\xff",
    "text": b"This is no picture. " * 50,
    "zeros": bytes(1000),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "cut JPEG": jpeg(30, 50)[:-20],
    "JPEG without its end": jpeg(30, 50, progressive=True)[:-2],
    "JPEG header": jpeg(30, 50)[:300],
    "cut PNG": encode(RGB, "PNG")[:-500],
    "cut WebP": encode(RGB, "WEBP")[:-100],
    "12 bit": patched(jpeg(30, 50), find(jpeg(30, 50), SOF0)[0], 12),
    "thumbnail intact": with_first(jpeg(30, 50), 0xE1, b"Exif\0\0" + jpeg(8, 8))[:-50],
    "metadata that PIL refuses": with_first(jpeg(30, 50), APP13, b"Photoshop 3.0\0008BIM\4\4"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain(name):
    data = PLAIN[name]
    found, pixels = probe_and_decode(data)
    assert (found.kind, found.reason, pixels) == (Kind.PLAIN, "", None)
    assert (found.height, found.width, 3) == decode_rgb(data).shape
    assert found.components == (1 if name == "grey" else 3)
    assert found.progressive == (name == "progressive")
    assert found.orientation == 1


@pytest.mark.parametrize("name", ODD)
def test_odd(name):
    found, pixels = probe_and_decode(ODD[name])
    assert found.kind == Kind.ODD
    assert found.reason
    assert (found.height, found.width) == (30, 50)
    assert found.components == {"CMYK": 4, "PNG with alpha": 4, "WebP with alpha": 4}.get(
        name, 1 if "palette" in name or "bit" in name or name in ("GIF", "PGM") else 3
    )
    np.testing.assert_array_equal(pixels, decode_rgb(ODD[name]))


@pytest.mark.parametrize("name", BAD)
def test_bad(name):
    found, pixels = probe_and_decode(BAD[name])
    assert (found.kind, pixels) == (Kind.BAD, None)
    assert len(found.reason) > 10
    assert "\n" not in found.reason
    with pytest.raises(DataError):
        decode_rgb(BAD[name])


def test_reasons_say_what_is_wrong():
    assert "empty" in probe(BAD["empty"]).reason
    assert "not recognise" in probe(BAD["text"]).reason
    assert "end-of-image" in probe(BAD["cut JPEG"]).reason
    assert "truncated" in probe(BAD["cut JPEG"]).reason
    assert "segment" in probe(jpeg()[:100]).reason
    assert "components" in probe(ODD["CMYK"]).reason


def test_a_bad_jpeg_still_tells_its_claimed_size():
    found = probe(BAD["cut JPEG"])
    assert (found.height, found.width, found.components) == (30, 50, 3)


def test_orientation_of_all_kinds():
    tags = Image.Exif()
    tags[0x0112] = 6
    for pixels, options in ((RGB, {}), (RGB, {"format": "PNG"}), (RGB, {"format": "WEBP"})):
        found = probe(encode(pixels, exif=tags, **options))
        assert (found.orientation, found.height, found.width) == (6, 30, 50)
    broken = with_first(encode(RGB, keep_rgb=True), 0xE1, exif([(0x0112, 3, 1, b"\6\0\0\0")])[:-9])
    assert probe(broken).orientation == 1


@pytest.mark.parametrize("data", [jpeg(20, 20), ODD["PNG"], b"", b"text"], ids=len)
def test_all_buffers_give_the_same(data):
    array = np.frombuffer(data, np.uint8).copy()
    views = [memoryview(data), array, array[:], memoryview(bytearray(data))]
    assert all(probe(view) == probe(data) for view in views)
    assert array.flags.writeable


def test_the_limit_on_size_is_pils(monkeypatch):
    data = jpeg(30, 50)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30 * 50 // 2)
    assert probe(data).kind == Kind.PLAIN
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30 * 50 // 2 - 1)
    assert probe(data).kind == Kind.BAD
    assert "exceeds limit" in probe(data).reason
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert probe(data).kind == Kind.PLAIN


@settings(deadline=None)
@given(
    data=st.binary(max_size=300)
    | st.tuples(
        st.sampled_from([*PLAIN.values(), *ODD.values()]),
        st.integers(0, 400),
        st.binary(max_size=9),
    ).map(lambda x: x[0][: x[1]] + x[2] + x[0][x[1] + len(x[2]) :])
)
def test_never_raises_and_agrees_with_pil(data):
    found = probe(data)
    if found.kind == Kind.BAD:
        with pytest.raises(DataError):
            decode_rgb(data)
    else:
        assert decode_rgb(data).shape == (found.height, found.width, 3)


@functools.cache
def damaged(count):
    """`(file, pixels)` of the plain ones among many damaged files, and how many were not plain.

    A file that passed as plain and that PIL cannot decode fails the test here.
    """
    rng = random.Random(7)
    plain, others = [], 0
    while len(plain) < count:
        data = mutated(rng, rng.choice(list(PLAIN.values())))
        if probe(data).kind == Kind.PLAIN:
            plain.append((data, decode_rgb(data)))
        else:
            others += 1
    return plain, others


def test_plain_means_that_pil_decodes_it_also_after_damage():
    plain, others = damaged(1500)
    assert others > 500
    for data, pixels in plain:
        found = probe(data)
        assert pixels.shape == (found.height, found.width, 3)


def test_plain_means_the_same_pixels_from_turbojpeg():
    decode = turbojpeg.decoder()
    pictures = [(data, decode_rgb(data)) for data in PLAIN.values()] + damaged(1500)[0]
    for data, pixels in pictures:
        np.testing.assert_array_equal(decode(data, *pixels.shape[:2]), pixels)


def decode_with_dali(files):
    dali = pytest.importorskip("nvidia.dali", reason="DALI is not installed")

    @dali.pipeline_def(batch_size=len(files), num_threads=1, device_id=None, prefetch_queue_depth=1)
    def pipeline():
        encoded = dali.fn.external_source(
            source=lambda: [np.frombuffer(data, np.uint8) for data in files],
            dtype=dali.types.UINT8,
            ndim=1,
        )
        return dali.fn.decoders.image(
            encoded, device="cpu", adjust_orientation=False, output_type=dali.types.RGB
        )

    (decoded,) = pipeline().run()
    return [np.array(decoded.at(i)) for i in range(len(files))]


def test_plain_means_the_same_pixels_from_dali():
    pictures = [(data, decode_rgb(data)) for data in PLAIN.values()] + damaged(1500)[0][:500]
    decoded = decode_with_dali([data for data, _ in pictures])
    for result, (_, pixels) in zip(decoded, pictures, strict=True):
        np.testing.assert_array_equal(result, pixels)


def test_odd_pictures_reach_dali_as_ppm():
    pictures = [decode_rgb(data) for data in ODD.values()] + [smooth_picture(1, 1, 0)]
    decoded = decode_with_dali([ppm(pixels).tobytes() for pixels in pictures])
    for result, pixels in zip(decoded, pictures, strict=True):
        np.testing.assert_array_equal(result, pixels)


def listed(folder):
    """`(file name, whether Pillow decodes it)` from the tables of the collection's README."""
    for line in (folder / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 11 and re.fullmatch(r"\S+\.\w{3,4}", cells[1]):
            yield cells[1], cells[6] == "yes"


def test_odd_collection(shared):
    folder = shared("odd-jpegs")
    names = dict(listed(folder))
    assert len(names) == 92
    plain = []
    for name, good in names.items():
        data = (folder / name).read_bytes()
        found, pixels = probe_and_decode(data)
        assert (found.kind != Kind.BAD) == good, (name, found)
        assert (found.reason == "") == (found.kind == Kind.PLAIN)
        if good:
            expected = decode_rgb(data)
            assert expected.shape == (found.height, found.width, 3), name
            if found.kind == Kind.PLAIN:
                plain.append((name, data, expected))
            else:
                np.testing.assert_array_equal(pixels, expected)
        if orientation := re.search(r"orient(\d)", name):
            assert found.orientation == int(orientation[1]), name
    assert len(plain) == 40
    unlike_others = re.compile("cmyk|rgb|ycck|arith|dnl|16bit|2x4|chroma|mjpeg|partial|no_ac|junk")
    assert not [name for name, *_ in plain if unlike_others.search(name)]
    results = decode_with_dali([data for _, data, _ in plain])
    for result, (name, _, expected) in zip(results, plain, strict=True):
        np.testing.assert_array_equal(result, expected, err_msg=name)
    decode = turbojpeg.decoder()
    for name, data, expected in plain:
        np.testing.assert_array_equal(decode(data, *expected.shape[:2]), expected, err_msg=name)


def test_real_photographs_are_plain(shared):
    for collection in ("imagenet-sample", "caltech10"):
        files = [f for f in shared(collection).rglob("*") if f.suffix.lower() in (".jpg", ".jpeg")]
        assert len(files) >= 500
        for file in files:
            found = probe(file.read_bytes())
            assert found.kind == Kind.PLAIN, (file, found)
            with Image.open(file) as image:
                assert image.size == (found.width, found.height)
                assert len(image.getbands()) == found.components
