import io

import numpy as np
import pytest
from PIL import Image

from fasttricks.doctor.jpeg_facts import jpeg_facts
from fasttricks.doctor.jpeg_quality import CHROMA, LUMA, libjpeg_quality, scaled, zigzag
from tests.pictures import jpeg


def test_the_zigzag_begins_and_ends_as_in_the_standard():
    order = zigzag().tolist()
    assert order[:11] == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32]
    assert order[-4:] == [47, 55, 62, 63]
    assert sorted(order) == list(range(64))


@pytest.mark.parametrize("quality", [1, 10, 25, 49, 50, 51, 75, 90, 95, 100])
def test_tables_are_those_of_libjpeg(quality):
    with Image.open(io.BytesIO(jpeg(16, 16, quality=quality))) as image:
        written = image.quantization
    np.testing.assert_array_equal(scaled(LUMA, quality), written[0])
    np.testing.assert_array_equal(scaled(CHROMA, quality), written[1])


def test_every_quality_is_found_again():
    for quality in range(1, 101):
        tables = [scaled(LUMA, quality), *[scaled(CHROMA, quality)] * 2]
        assert libjpeg_quality(tables) == quality
        assert libjpeg_quality(tables[:1]) == quality


def test_from_a_file():
    assert jpeg_facts(jpeg(16, 16, quality=83))["quality"] == 83
    assert jpeg_facts(jpeg(16, 16, quality=20, channels=1))["quality"] == 20
    assert jpeg_facts(jpeg(16, 16, quality=83, progressive=True))["quality"] == 83


def test_other_tables_have_no_quality():
    table = scaled(LUMA, 80)
    table[5] += 1
    assert libjpeg_quality([table]) is None
    assert libjpeg_quality([scaled(LUMA, 80), scaled(CHROMA, 81)]) is None
    flat = [[7] * 64, [9] * 64]
    assert jpeg_facts(jpeg(16, 16, qtables=flat, quality=-1))["quality"] is None
