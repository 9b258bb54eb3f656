"""Against `torchvision.transforms.v2.functional` on uint8 tensors: the same bytes."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from fasttricks.kernels.steps import Op
from tests.kernels.ops.checks import SHAPES, pictures, run

FUNCTIONS = {Op.EQUALIZE: functional.equalize, Op.AUTO_CONTRAST: functional.autocontrast}


@pytest.mark.parametrize("op", FUNCTIONS)
@pytest.mark.parametrize("shape", [*SHAPES, (224, 224)])
def test_bytes_are_torchvisions(op, shape):
    rng = np.random.default_rng()
    for picture in pictures(shape, rng):
        tensor = torch.from_numpy(picture).permute(2, 0, 1).contiguous()
        expected = FUNCTIONS[op](tensor).permute(1, 2, 0).numpy()
        assert np.array_equal(run(picture, (op, (0, 0, 0))), expected)


@pytest.mark.parametrize("op", FUNCTIONS)
def test_channels_are_taken_apart(op):
    rng = np.random.default_rng()
    picture = np.stack([rng.integers(low, low + 40, (37, 23)) for low in (0, 90, 200)], axis=2)
    picture = picture.astype(np.uint8)
    together = run(picture, (op, (0, 0, 0)))
    assert together.min((0, 1)).tolist() == [0, 0, 0]
    assert (together.max((0, 1)) >= 254).all()  # 255 may be cut off a hair below it
    for c in range(3):
        alone = run(picture[..., [c, c, c]], (op, (0, 0, 0)))
        assert np.array_equal(together[..., c], alone[..., 0])


def test_equalized_levels_are_spread_evenly():
    dark = (np.random.default_rng().random((200, 200, 3)) ** 3 * 255).astype(np.uint8)
    result = run(dark, (Op.EQUALIZE, (0, 0, 0)))
    assert dark.mean() < 70
    assert abs(result.mean() - 127.5) < 8


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_flat_picture_stays_as_it_is(level):
    flat = np.full((13, 17, 3), level, np.uint8)
    flat[..., 1] = 255 - level
    assert np.array_equal(run(flat, (Op.EQUALIZE, (0, 0, 0))), flat)
