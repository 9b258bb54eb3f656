"""The reference itself, against other people's definitions."""

import colorsys

import numpy as np
import pytest
from PIL import Image, ImageOps

from fasttricks.kernels.ops import reference
from fasttricks.kernels.steps import Op


@pytest.fixture
def picture():
    return np.random.default_rng().integers(0, 256, (19, 19, 3), dtype=np.uint8)


def by_pil(picture, function, *arguments):
    return np.asarray(function(Image.fromarray(picture), *arguments))


@pytest.mark.parametrize("divisor", [1, 7])
def test_tables_are_pils(picture, divisor):
    x = picture // np.uint8(divisor)
    cases = [
        (Op.EQUALIZE, 0, by_pil(x, ImageOps.equalize)),
        (Op.INVERT, 0, by_pil(x, ImageOps.invert)),
        (Op.POSTERIZE, 3, by_pil(x, ImageOps.posterize, 3)),
        (Op.SOLARIZE, 100, by_pil(x, ImageOps.solarize, 100)),
        (Op.AUTO_CONTRAST, 0, by_pil(x, ImageOps.autocontrast)),
    ]
    for op, amount, expected in cases:
        result = reference.apply(op, x, (amount, 0, 0)).astype(int)
        # PIL computes the stretch in another order, and so may cut off below an integer.
        assert abs(result - expected).max() <= (op == Op.AUTO_CONTRAST), op


def test_quarter_turns_are_counter_clockwise(picture):
    for quarters in range(-2, 3):
        turned = reference.apply(Op.ROTATE, picture, (90.0 * quarters, 0, 0))
        assert np.array_equal(turned, np.rot90(picture, quarters))


def test_translation_moves_right_and_down_and_fills(picture):
    right = reference.apply(Op.TRANSLATE_X, picture, (4.9, 77, 0))
    assert np.array_equal(right[:, 4:], picture[:, :-4])
    assert (right[:, :4] == 77).all()
    down = reference.apply(Op.TRANSLATE_Y, picture, (-3.2, 0, 0))
    assert np.array_equal(down[:-3], picture[3:])
    assert (down[-3:] == 0).all()


def test_shear_leaves_the_corner(picture):
    sheared = reference.apply(Op.SHEAR_X, picture, (1.0, 0, 0))
    assert np.array_equal(sheared[10, :8], picture[10, 10 + 1 : 18 + 1])


def test_hsv_is_that_of_the_standard_library(picture):
    hue, saturation, value = 1.2, 0.7, 0.9
    result = reference.exact(Op.JITTER_HSV, picture, (hue, saturation, value))
    for (r, g, b), made in zip(picture.reshape(-1, 3) / 255.0, result.reshape(-1, 3), strict=True):
        h, s, v = colorsys.rgb_to_hsv(r, g, b)
        expected = colorsys.hsv_to_rgb(min(h * hue, 358 / 360), s * saturation, v * value)
        np.testing.assert_allclose(made, np.array(expected) * 255, atol=1e-9)


def test_hue_does_not_wrap():
    red_on_the_magenta_side = np.array([[[255, 0, 20]]], np.uint8)
    result = reference.exact(Op.JITTER_HSV, red_on_the_magenta_side, (1.4, 1, 1))
    np.testing.assert_allclose(result, [[[255, 0, 255 * 2 / 60]]])  # 358 degrees


def test_coefficients_of_one_change_nothing(picture):
    shares = [Op.CONTRAST, Op.COLOR, Op.BRIGHTNESS, Op.SHARPNESS, Op.FADE, *reference.ROUNDED]
    below_358_degrees = np.sort(picture, axis=2)[..., ::-1]  # red, green, blue: yellow to red
    for op in shares:
        result = reference.apply(op, below_358_degrees, (1, 1, 1))
        assert np.array_equal(result, below_358_degrees)


def test_nothing_of_a_picture_is_its_mean():
    picture = np.zeros((1, 2, 3), np.uint8)
    picture[0, 1] = 100, 200, 50  # luma 153, half of it is the mean
    mean = reference.exact(Op.JITTER_CONTRAST, picture, (0, 0, 0))
    np.testing.assert_allclose(mean, np.full((1, 2, 3), 76.5))
    grey = reference.exact(Op.JITTER_SATURATION, picture, (0, 0, 0))
    np.testing.assert_allclose(grey, np.array([[[0] * 3, [153] * 3]]), atol=1e-9)
