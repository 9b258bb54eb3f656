import numpy as np
import pytest

from fasttricks.show import draw
from fasttricks.show.draw import AMPLIFY, BOX_COLOR, BOX_LINE, DIMMED, Difference

GREY = 200


def frame_of(image):
    """(left, top, right, bottom) of the pixels in the frame's colour; the last two are outside."""
    rows, columns = np.nonzero((np.asarray(image) == BOX_COLOR).all(-1))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("scale", [1.0, 0.37, 2.5])
@pytest.mark.parametrize("box", [(0, 0, 91, 133), (17, 40, 33, 58), (85, 127, 6, 6), (3, 0, 50, 9)])
def test_the_frame_is_the_plans_box(box, scale):
    pixels = np.full((91, 133, 3), GREY, np.uint8)
    image = draw.original(pixels, box, scale)
    top, left, height, width = box
    want = np.array([left, top, left + width, top + height]) * scale
    assert np.abs(np.array(frame_of(image)) - want).max() <= 0.5
    assert image.size == (round(133 * scale), round(91 * scale))


def test_only_the_crop_keeps_its_brightness():
    pixels = np.full((60, 80, 3), GREY, np.uint8)
    shown = np.asarray(draw.original(pixels, (10, 20, 30, 40), 1.0))
    inside = shown[10 + BOX_LINE : 40 - BOX_LINE, 20 + BOX_LINE : 60 - BOX_LINE]
    assert (inside == GREY).all()
    outside = np.ones((60, 80), bool)
    outside[10:40, 20:60] = False
    assert (shown[outside] == round(GREY * DIMMED)).all()


def test_a_crop_of_one_pixel_in_a_large_picture_is_still_seen():
    image = draw.original(np.full((2000, 3000, 3), GREY, np.uint8), (1999, 2999, 1, 1), 0.05)
    assert image.size == (150, 100)
    left, top, right, bottom = draw.scaled_box((10, 10, 1, 1), 0.05)
    assert (right - left, bottom - top) == (1, 1)


def test_a_picture_fits_by_its_longer_side():
    assert draw.fitting_scale(np.zeros((100, 50, 3), np.uint8), 200, 150) == 1.5
    assert draw.fitting_scale(np.zeros((50, 400, 3), np.uint8), 200, 150) == 0.5


def test_an_output_is_rounded_clipped_and_zoomed():
    levels = np.array([[[-3.0, 0.4, 0.6], [254.6, 255.0, 300.0]]], np.float32)
    assert np.asarray(draw.output(levels)).tolist() == [[[0, 0, 1], [255, 255, 255]]]
    zoomed = np.asarray(draw.output(levels, 3))
    assert zoomed.shape == (3, 6, 3)
    assert (zoomed[:, :3] == [0, 0, 1]).all()
    assert (zoomed[:, 3:] == 255).all()


def test_a_difference_is_black_where_nothing_differs_and_amplified_elsewhere():
    rng = np.random.default_rng(0)
    one = rng.uniform(0, 255, (5, 7, 3)).astype(np.float32)
    image, apart = draw.difference(one, one.copy())
    assert not np.asarray(image).any()
    assert apart == Difference(0.0, 0.0)
    assert str(apart) == "identical"

    other = one.copy()
    one[2, 3, 1], other[2, 3, 1] = 100.0, 102.0
    image, apart = draw.difference(one, other)
    shown = np.asarray(image).copy()
    assert shown[2, 3].tolist() == [0, 2 * AMPLIFY, 0]
    shown[2, 3] = 0
    assert not shown.any()
    assert apart == Difference(2.0, pytest.approx(2 / 105))
    assert str(apart) == "at most 2.00 levels, mean 0.019"


def test_what_clipping_would_hide_counts_as_a_difference():
    dark, darker = np.full((2, 2, 3), -5, np.float32), np.full((2, 2, 3), -9, np.float32)
    assert draw.output(dark).tobytes() == draw.output(darker).tobytes()
    assert draw.difference(dark, darker)[1].most == 4
