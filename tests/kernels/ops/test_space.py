"""Against `torchvision.transforms.v2.functional` on uint8 tensors.

torchvision finds source pixels with float32 coordinates and rounds halves to even: only where a
coordinate lies at the border of two pixels may another pixel be taken.
"""

import math

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from fasttricks.kernels.ops import reference as ops_reference
from fasttricks.kernels.ops.space import POINT, source_map
from fasttricks.kernels.policy import AutoAugment, RandAugment, TrivialAugment
from fasttricks.kernels.steps import Op
from tests.kernels.ops.checks import ROUNDING, SHAPES, numbers, pictures, run

GEOMETRIC = ops_reference.GEOMETRIC
# Coordinates of up to 300 pixels go through about 8 roundings of 2^-24 each.
FLOAT32 = 300 * 8 * 2.0**-24


def by_torchvision(op, picture, amount, fill):
    """What torchvision's policies make of an operation."""
    x = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
    fill = [float(fill)] * 3
    shear = math.degrees(math.atan(amount))
    if op == Op.ROTATE:
        x = functional.rotate(x, amount, fill=fill)
    elif op in (Op.TRANSLATE_X, Op.TRANSLATE_Y):
        move = [int(amount), 0] if op == Op.TRANSLATE_X else [0, int(amount)]
        x = functional.affine(x, 0.0, move, 1.0, [0.0, 0.0], fill=fill)
    else:
        by = [shear, 0.0] if op == Op.SHEAR_X else [0.0, shear]
        x = functional.affine(x, 0.0, [0, 0], 1.0, by, fill=fill, center=[0, 0])
    return x.permute(1, 2, 0).numpy()


def check(op, picture, amount, fill, least=0.0):
    where = ops_reference.source(op, amount, picture.shape[:2])
    clear = np.all([abs(x - np.round(x)) > FLOAT32 for x in where], axis=0)
    assert clear.mean() >= least
    result = run(picture, (op, (amount, fill, 0)))
    assert np.array_equal(result[clear], by_torchvision(op, picture, amount, fill)[clear])


@pytest.mark.parametrize("op", GEOMETRIC)
def test_pixels_are_torchvisions(op):
    rng = np.random.default_rng()
    for shape in [*SHAPES, (224, 224)]:
        picture = next(pictures(shape, rng))
        amount, fill, _ = numbers(op, rng)
        # By chance some rows or columns of all may lie at the border of two pixels.
        check(op, picture, amount, fill, least=0.9 if min(shape) > 20 else 0.0)


@pytest.mark.parametrize("policy", [AutoAugment(levels="torchvision"), RandAugment()])
def test_pixels_are_torchvisions_at_every_level_of_a_policy(policy):
    picture = next(pictures((224, 224), np.random.default_rng()))
    for choice in np.unique(policy.table(224)):
        if choice["op"] in GEOMETRIC:
            for sign in (-1, 1):
                check(Op(choice["op"]), picture, float(np.float32(sign * choice["swing"])), 0)


def test_wide_levels_are_torchvisions():
    picture = next(pictures((64, 96), np.random.default_rng()))
    for choice in np.unique(TrivialAugment(num_bins=5).table(64)):
        if choice["op"] in GEOMETRIC:
            check(Op(choice["op"]), picture, float(np.float32(choice["swing"])), 0)


def test_a_turn_back_restores_the_middle():
    picture = np.zeros((41, 41, 3), np.uint8)
    picture[18:23, 18:23] = 200
    there = run(picture, (Op.ROTATE, (33, 0, 0)))
    assert (there[20, 20] == 200).all()
    assert (run(there, (Op.ROTATE, (-33, 0, 0)))[19:22, 19:22] == 200).all()


def test_maps_are_exact_for_the_largest_pictures():
    size = 16384
    for amount in np.random.default_rng().uniform(-180, 180, 20):
        xx, xy, x0, *_ = source_map(Op.ROTATE, amount, size, size)
        cos, sin = math.cos(math.radians(amount)), math.sin(math.radians(amount))
        for y, x in np.random.default_rng().integers(0, size, (20, 2)).tolist():
            made = (xx * x + xy * y + x0) / 2**POINT
            exact = size / 2 + cos * (x + 0.5 - size / 2) - sin * (y + 0.5 - size / 2)
            assert abs(made - exact) < 2 * size * 2.0 ** -(POINT + 1) + 1e-8


def test_sharpness_is_torchvisions_but_for_the_last_rounding():
    rng = np.random.default_rng()
    for shape in [*SHAPES, (224, 224)]:
        for picture in [rng.integers(0, 256, (*shape, 3), dtype=np.uint8)]:
            for amount in (0.0, 0.1, 1.0, float(np.float32(rng.uniform(0, 2)))):
                x = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
                expected = functional.adjust_sharpness(x, amount).permute(1, 2, 0).numpy()
                result = run(picture, (Op.SHARPNESS, (amount, 0, 0))).astype(int)
                differs = result != expected
                assert (abs(result - expected) <= 1).all()
                if differs.any():
                    exact = ops_reference.exact(Op.SHARPNESS, picture, (amount, 0, 0))[differs]
                    assert (abs(exact - np.round(exact)) <= ROUNDING).all()
