from itertools import pairwise

import numpy as np
import pytest

from fasttricks.data import scene
from fasttricks.data.scene import TILE, draw_scene


def draw(height, width, seed=0, channels=3, busyness=15.0):
    return draw_scene(np.random.default_rng(seed), height, width, channels, busyness)


@pytest.mark.parametrize(
    ("height", "width", "channels"), [(1, 1, 3), (1, 7, 1), (131, 257, 3), (97, TILE + 5, 3)]
)
def test_shape_and_purity(height, width, channels):
    pixels = draw(height, width, channels=channels)
    assert pixels.shape == (height, width, channels)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, draw(height, width, channels=channels))


def test_another_seed_is_another_picture():
    assert np.mean(draw(60, 80, seed=0) != draw(60, 80, seed=1)) > 0.9


def test_grey_is_the_luma_of_the_same_scene():
    np.testing.assert_array_equal(draw(50, 70, channels=1)[..., 0], draw(50, 70)[..., 0])


@pytest.mark.parametrize("strip_pixels", [1, 70 * 7, 10**9])
def test_strips_leave_no_trace(strip_pixels, monkeypatch):
    whole = draw(50, 70)
    monkeypatch.setattr(scene, "_STRIP_PIXELS", strip_pixels)
    np.testing.assert_array_equal(draw(50, 70), whole)


def test_larger_than_the_textures_repeats_them_seamlessly():
    pixels = draw(40, TILE + 30)
    np.testing.assert_array_equal(pixels[:, TILE:], pixels[:, :30])
    inside = np.abs(np.diff(pixels[:, 30:TILE, 0].astype(int), axis=1)).mean()
    across_the_seam = np.abs(pixels[:, TILE - 1, 0].astype(int) - pixels[:, TILE, 0]).mean()
    assert across_the_seam < 3 * inside


def test_wrapped_textures_begin_anywhere():
    rng = np.random.default_rng(0)
    details, _ = scene._bank()
    corners = {float(scene._cut(details, rng, TILE + 1, TILE + 1)[0, 0]) for _ in range(20)}
    assert len(corners) > len(details)


def test_busier_has_more_texture():
    def roughness(busyness):
        return np.abs(np.diff(draw(200, 200, busyness=busyness)[..., 0].astype(int))).mean()

    assert roughness(4) < 0.7 * roughness(12) < 0.7**2 * roughness(40)


def spectral_slope(luma):
    """Slope of log amplitude over log frequency, between 1/32 and 1/4 cycles per pixel."""
    side = len(luma)
    window = np.hanning(side)[:, None] * np.hanning(side)
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    edges = np.geomspace(1 / 32, 1 / 4, 7)
    rings = [(frequency >= a) & (frequency < b) for a, b in pairwise(edges)]
    amplitude = [np.sqrt(power[ring].mean()) for ring in rings]
    return np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(amplitude), 1)[0]


def test_spectrum_falls_as_in_photographs():
    """ImageNet pictures, by this very function: mean -1.27, standard deviation 0.31."""
    slopes = [spectral_slope(draw(256, 256, seed)[..., 0].astype(float)) for seed in range(24)]
    assert np.mean(slopes) == pytest.approx(-1.27, abs=3 * 0.31 / 24**0.5)
    noise = np.random.default_rng(0).normal(128, 40, (256, 256))
    assert spectral_slope(noise) > -0.2  # so white noise would not pass


def block_activity(luma):
    """Spread over 8 x 8 blocks of the log of their standard deviation."""
    blocks = luma.reshape(32, 8, 32, 8).swapaxes(1, 2).reshape(-1, 64).astype(float)
    return np.log(blocks.std(axis=1) + 0.5).std()


def test_smooth_beside_busy():
    noise = np.random.default_rng(0).normal(128, 40, (256, 256))
    assert block_activity(noise) < 0.2
    assert np.mean([block_activity(draw(256, 256, s)[..., 0]) for s in range(12)]) > 0.4
