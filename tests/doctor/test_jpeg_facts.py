import random

import pytest
from PIL import Image

from fasttricks.doctor.jpeg_facts import jpeg_facts
from tests.data.jpeg_surgery import APP14, DQT, find, mutated, patched, with_first
from tests.pictures import encode, jpeg, smooth_picture


@pytest.mark.parametrize(
    ("options", "process"),
    [({}, "sequential"), ({"progressive": True, "optimize": True}, "progressive")],
)
def test_process_and_size(options, process):
    facts = jpeg_facts(jpeg(50, 70, **options))
    assert facts["process"] == process
    assert (facts["height"], facts["width"], facts["precision_bits"]) == (50, 70, 8)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"subsampling": 0}, "4:4:4"),
        ({"subsampling": 1}, "4:2:2"),
        ({"subsampling": 2}, "4:2:0"),
        ({"channels": 1}, "none (one component)"),
    ],
)
def test_subsampling(options, name):
    assert jpeg_facts(jpeg(50, 70, **options))["subsampling"] == name


def test_strange_sampling_factors_are_spelt_out():
    data = jpeg(50, 70, subsampling=0)
    at = find(data, 0xC0)[0] + 7
    assert jpeg_facts(patched(data, at, 0x24))["subsampling"] == "2x4 1x1 1x1"
    assert jpeg_facts(patched(data, at + 3, 0x12))["subsampling"] == "1x1 1x2 1x1"


def test_components():
    facts = jpeg_facts(jpeg(50, 70, subsampling=2))
    assert [c["id"] for c in facts["components"]] == [1, 2, 3]
    assert facts["components"][0] == {"id": 1, "horizontal": 2, "vertical": 2, "table": 0}


def test_metadata():
    tags = Image.Exif()
    tags[0x0112] = 6
    profile = bytes(70000)  # does not fit into one segment
    data = jpeg(16, 16, exif=tags, icc_profile=profile, dpi=(72, 96), comment=b"a remark")
    facts = jpeg_facts(data)
    assert facts["exif_bytes"] == len(tags.tobytes())
    assert facts["icc_bytes"] == 70000
    assert facts["jfif"] == "1.01, density 72 x 96 (dpi)"
    assert facts["comment"] == "a remark"
    assert "adobe" not in facts


def test_adobe():
    cmyk = encode(Image.fromarray(smooth_picture(8, 8, 0)).convert("CMYK"))
    assert jpeg_facts(cmyk)["adobe"].startswith("no conversion")
    marked = with_first(jpeg(8, 8), APP14, b"Adobe\0\x64\0\0\0\0\1")
    assert jpeg_facts(marked)["adobe"] == "YCbCr"


def test_16_bit_tables_are_read_and_are_no_quality():
    data = jpeg(8, 8, channels=1)
    start, end = find(data, DQT)
    wide = bytes([0x10]) + b"".join(bytes([0, b]) for b in data[start + 1 : start + 65])
    body = (len(wide) + 2).to_bytes(2, "big") + wide
    facts = jpeg_facts(data[: start - 2] + body + data[end:])
    assert facts["quality"] == 90  # the numbers are libjpeg's, however they are stored


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 83, 95, 100])
@pytest.mark.parametrize("options", [{}, {"channels": 1}, {"progressive": True}])
def test_libjpegs_quality_is_found(quality, options):
    assert jpeg_facts(jpeg(16, 16, quality=quality, **options))["quality"] == quality


@pytest.mark.parametrize("tables", [[[7] * 64, [9] * 64], [[16] * 64]])
def test_other_tables_have_no_quality(tables):
    assert jpeg_facts(jpeg(16, 16, qtables=tables, quality=-1))["quality"] is None


@pytest.mark.parametrize("cut", [3, 30, 160])
def test_what_is_cut_before_the_picture_says_that_it_cannot_be_read(cut):
    assert list(jpeg_facts(jpeg(50, 70)[:cut])) == ["unreadable"]


def test_hostile_bytes_raise_nothing():
    rng = random.Random(1)
    for seed in range(300):
        data = mutated(rng, jpeg(30, 40, seed=seed % 7, progressive=seed % 2 == 0))
        jpeg_facts(data)
