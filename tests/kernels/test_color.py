import numpy as np
import pytest

from fasttricks.kernels.color import EIGENVECTORS, LUMA, color_matrix

ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def matrix(hue=1.0, saturation=1.0, brightness=1.0, light=ZERO, mean=ZERO, std=ONE):
    out = np.empty((3, 4), np.float32)
    color_matrix(hue, saturation, brightness, light, mean, std, out)
    return out[:, :3].astype(float), out[:, 3].astype(float)


def test_coefficients_of_one_change_nothing():
    a, b = matrix()
    np.testing.assert_allclose(a, np.eye(3), atol=1e-7)
    assert np.array_equal(b, np.zeros(3))


def test_saturation_zero_gives_grey():
    a, _ = matrix(saturation=0.0, hue=1.3)
    np.testing.assert_allclose(a, np.tile(LUMA, (3, 1)), atol=1e-7)


@pytest.mark.parametrize("hue", [0.6, 0.9, 1.4])
def test_a_hue_turn_keeps_grey_and_luma_and_turns_colour(hue):
    a, _ = matrix(hue=hue)
    np.testing.assert_allclose(a @ np.ones(3), np.ones(3), atol=1e-6)
    np.testing.assert_allclose(LUMA @ a, LUMA, atol=1e-6)
    assert np.abs(a - np.eye(3)).max() > 0.05


def test_two_hue_turns_add_up():
    quarter, half = matrix(hue=1.25)[0], matrix(hue=1.5)[0]
    np.testing.assert_allclose(quarter @ quarter, half, atol=1e-6)


def test_lighting_follows_the_eigenvectors():
    np.testing.assert_allclose(EIGENVECTORS @ EIGENVECTORS.T, np.eye(3), atol=5e-4)
    _, b = matrix(light=(0.1, 0.0, 0.0))
    np.testing.assert_allclose(b, 0.1 * 55.46 * EIGENVECTORS[:, 0], rtol=1e-6)


def test_normalisation_comes_last():
    mean, std = (10.0, 20.0, 30.0), (2.0, 4.0, 5.0)
    a, b = matrix(brightness=1.5, light=(0.3, -0.2, 0.1), mean=mean, std=std)
    a0, b0 = matrix(brightness=1.5, light=(0.3, -0.2, 0.1))
    x = np.array([100.0, 50.0, 25.0])
    np.testing.assert_allclose(a @ x + b, (a0 @ x + b0 - mean) / std, rtol=1e-5)
