import numpy as np
import pytest

from fasttricks.kernels.mix.description import CONSTANT
from fasttricks.kernels.mix.kinds import Mixup, RandomErasing
from tests.kernels.mix.test_plan import drawn


def test_erasing_keeps_its_ranges_and_rate():
    mix = RandomErasing(0.3, area=(0.1, 0.2), aspect=(0.5, 2.0))
    mixing = drawn(mix, 20_000, height=224, width=224)
    erased = mixing.mixes["count"] == 1
    assert abs(erased.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 20_000)
    patch = mixing.mixes["patches"][erased, 0]
    area = patch["height"] * patch["width"] / 224**2
    aspect = patch["height"] / patch["width"]
    assert area.min() > 0.1 - 0.01  # sides are rounded: half a pixel of at least 50 each
    assert area.max() < 0.2 + 0.01
    assert aspect.min() > 0.5 * 0.97
    assert aspect.max() < 2.0 * 1.03
    assert area.mean() == pytest.approx(0.15, abs=0.003)
    assert (patch["source"] == CONSTANT).all()
    assert (patch["noise"] == 1).all()
    keys = mixing.mixes["key"][erased]
    assert len(np.unique(keys, axis=0)) == len(keys)


def test_fills():
    constant = drawn(RandomErasing(1.0, fill="constant", value=2.5)).mixes["patches"][:, 0]
    assert (constant["value"] == 2.5).all()
    assert (constant["noise"] == 0).all()
    channel = drawn(RandomErasing(1.0, fill="channel"), 4096).mixes["patches"][:, 0]["value"]
    assert abs(channel.mean(0)).max() < 5 / np.sqrt(4096)
    assert abs(channel.std(0) - 1).max() < 5 / np.sqrt(2 * 4096)
    assert abs(np.corrcoef(channel.T) - np.eye(3)).max() < 5 / np.sqrt(4096)


def test_erasing_comes_on_top_of_mixing():
    mixing = drawn((Mixup(), RandomErasing(1.0)))
    assert (mixing.mixes["count"] == 2).all()
    assert (mixing.mixes["patches"]["source"][:, 1] == CONSTANT).all()
    assert np.array_equal(mixing.rows, drawn(Mixup()).rows)


def test_probability_zero_erases_nothing():
    assert drawn(RandomErasing(0.0)).mixes["count"].max() == 0
