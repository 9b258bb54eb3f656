"""The evaluation size."""

import math

import numpy as np
import pytest

from fasttricks.tricks.fixres import apparent_size, evaluation_size


def test_apparent_size_is_the_mean_over_crops():
    shares = np.random.default_rng(0).uniform(0.08, 1, 200_000)
    scales = 224 / np.sqrt(shares)
    error = 5 * scales.std() / math.sqrt(len(scales))
    assert apparent_size(224) == pytest.approx(scales.mean(), abs=error)
    assert apparent_size(224, area=(1.0, 1.0)) == 224


def test_sizes():
    assert {size: evaluation_size(size) for size in (128, 160, 192, 224)} == {
        128: 160,
        160: 192,
        192: 224,
        224: 256,  # what P2 evaluates at
    }
    # Whole pictures, of which the whole shorter side is seen.
    assert evaluation_size(224, area=(1.0, 1.0), crop_ratio=1.0) == 192


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="area"):
        apparent_size(224, area=(0.0, 1.0))
