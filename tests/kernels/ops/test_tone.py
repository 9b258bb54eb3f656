"""Against `torchvision.transforms.v2.functional` on uint8 tensors.

Bytes are equal where torchvision computes in integers or multiplies once. Its blends end in a
multiply-add that is rounded once on some CPUs and twice on others: there, a byte is one level off
where the exact value lies at an integer.
"""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from fasttricks.kernels.ops import reference as ops_reference
from fasttricks.kernels.steps import Op
from tests.kernels.ops.checks import ROUNDING, SHAPES, pictures, run

EQUAL = {
    Op.INVERT: lambda x, amount: functional.invert(x),
    Op.SOLARIZE: functional.solarize,
    Op.POSTERIZE: lambda x, amount: functional.posterize(x, int(amount)),
    Op.BRIGHTNESS: functional.adjust_brightness,
}
BLENDS = {Op.CONTRAST: functional.adjust_contrast, Op.COLOR: functional.adjust_saturation}


def by_torchvision(function, picture, *arguments):
    tensor = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
    return function(tensor, *arguments).permute(1, 2, 0).numpy()


def amounts(op, rng):
    if op == Op.POSTERIZE:
        return range(9)
    if op == Op.SOLARIZE:
        return [0.0, 1.0, 127.0, 127.5, 128.0, 254.0, 255.0, rng.uniform(0, 255)]
    return [0.0, 0.1, 1.0, 1.9, rng.uniform(0, 2)]


@pytest.mark.parametrize("op", EQUAL)
def test_bytes_are_torchvisions(op):
    rng = np.random.default_rng()
    for shape in SHAPES:
        for picture in pictures(shape, rng):
            for amount in amounts(op, rng):
                amount = float(np.float32(amount))
                expected = by_torchvision(EQUAL[op], picture, amount)
                assert np.array_equal(run(picture, (op, (amount, 0, 0))), expected), amount


@pytest.mark.parametrize("op", BLENDS)
def test_blends_are_torchvisions_but_for_the_last_rounding(op):
    rng = np.random.default_rng()
    for shape in SHAPES:
        for picture in pictures(shape, rng):
            for amount in amounts(op, rng):
                amount = float(np.float32(amount))
                result = run(picture, (op, (amount, 0, 0))).astype(int)
                differs = result != by_torchvision(BLENDS[op], picture, amount)
                assert (abs(result - by_torchvision(BLENDS[op], picture, amount)) <= 1).all()
                exact = ops_reference.exact(op, picture, (amount, 0, 0))[differs]
                # A mean over the whole picture is summed up in float32: 2^-24 of 255 a step.
                slack = ROUNDING + (2.0**-16 * 10 if op == Op.CONTRAST else 0)
                assert (abs(exact - np.round(exact)) <= slack).all()


def test_a_mean_over_bytes_does_not_overflow():
    picture = np.full((3000, 2000, 3), 255, np.uint8)
    picture[:1500] = 0
    assert (run(picture, (Op.JITTER_CONTRAST, (0, 0, 0))) == 128).all()
    assert (run(picture, (Op.CONTRAST, (0, 0, 0))) == 127).all()  # torchvision's white is 254


@pytest.mark.parametrize("hue", [0.6, 1.0, 1.4])
def test_grey_has_no_hue(hue):
    grey = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    assert np.array_equal(run(grey, (Op.JITTER_HSV, (hue, 1.3, 1.0))), grey)


def test_saturation_and_value_stop_at_their_most():
    colors = np.array([[[200, 100, 100], [0, 250, 125]]], np.uint8)
    doubled = run(colors, (Op.JITTER_HSV, (1.0, 9.0, 9.0)))
    assert doubled.tolist() == [[[255, 0, 0], [0, 255, 128]]]


def test_inverting_twice_is_the_identity():
    rng = np.random.default_rng()
    for picture in pictures(SHAPES[-1], rng):
        step = (Op.INVERT, (0, 0, 0))
        once = run(picture, step)
        assert not np.array_equal(once, picture)
        assert np.array_equal(run(once, step), picture)
