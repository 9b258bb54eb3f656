"""What a mixed float batch is checked against: fresh inputs, the exact result and its bounds."""

import numpy as np
import torch

from fasttricks.kernels import reference
from tests.kernels.finish_checks import MANTISSA, random_mixes

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
SHAPES = [(4, 3, 9, 14), (3, 3, 6, 16), (2, 1, 1, 20), (3, 7, 13, 1), (1, 3, 1, 1), (1, 5, 8, 24)]
LAYOUTS = ["NCHW", "NHWC", "strided"]


def images_and_mixes(shape, count, seed, dtype=torch.float32, layout="NCHW"):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(size=shape)).to(dtype)
    if layout == "NHWC":
        images = images.to(memory_format=torch.channels_last)
    elif layout == "strided":
        images = torch.nn.functional.pad(images, (1, 2, 1, 0))[..., 1:, 1:-2]
    return images, random_mixes(count, shape[0], *shape[2:], rng)


def check(result, images, mixes, truncated=False):
    """Within a few float32 roundings of sizes below 16, then half an ulp of the dtype; an ulp if
    `truncated`."""
    exact = reference.mix(images.detach().double().numpy(), mixes)
    assert abs(exact).max() < 16
    bound = 16 * 2.0**-24 * 16
    if images.dtype in MANTISSA:
        smallest = torch.finfo(images.dtype).tiny
        exponent = np.floor(np.log2(np.maximum(abs(exact) + bound, smallest)))
        bound = bound + 2.0 ** (exponent - MANTISSA[images.dtype] - (0 if truncated else 1))
    assert result.dtype == images.dtype
    assert result.shape == exact.shape
    wrong = ~(abs(result.detach().double().numpy() - exact) <= bound)
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size} numbers, first {np.argwhere(wrong)[0]}"
