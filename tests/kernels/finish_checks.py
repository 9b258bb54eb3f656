"""What a finished batch is checked against: fresh inputs, the exact result and its bounds."""

from typing import NamedTuple

import numpy as np
import torch

from fasttricks.kernels import reference
from fasttricks.kernels.mix import description as mix

SHAPES = [(3, 17, 31), (1, 8, 16), (2, 5, 1), (4, 1, 15), (1, 1, 1), (2, 33, 48), (3, 9, 17)]
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
MANTISSA = {torch.float16: 10, torch.bfloat16: 7}


class Inputs(NamedTuple):
    pixels: torch.Tensor
    matrix: torch.Tensor
    flip: torch.Tensor
    mixes: np.ndarray | None = None

    @property
    def words(self):
        return None if self.mixes is None else torch.from_numpy(mix.words(self.mixes))


def batch(shape, seed=0):
    rng = np.random.default_rng(seed)
    pixels = torch.from_numpy(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
    matrix = torch.from_numpy(rng.normal(0, 0.02, (shape[0], 3, 4)).astype(np.float32))
    matrix[:, :, 3] *= 100
    flip = torch.arange(shape[0]) % 3 != 1
    return Inputs(pixels, matrix, flip)


def mixed_batch(shape, count, seed=0):
    """Also `count` descriptions."""
    rng = np.random.default_rng(seed)
    return batch(shape, seed)._replace(mixes=random_mixes(count, *shape, rng))


def random_mixes(count, batch_in, height, width, rng):
    """Descriptions of everything at once: overlapping, empty, constant and noisy patches."""
    mixes = mix.plain(rng.integers(0, batch_in, count))
    mixes["count"] = rng.permutation(np.arange(count) % (mix.PATCHES + 1))
    mixes["key"] = rng.integers(0, 2**32, (count, 2))
    mixes["counter"] = rng.integers(0, 2**32, (count, 3))
    patches = mixes["patches"]
    for begin, length, size in (("top", "height", height), ("left", "width", width)):
        patches[length] = rng.integers(0, size + 1, patches.shape)
        patches[begin] = rng.integers(0, size - patches[length] + 1)
        patches["from_" + begin] = rng.integers(0, size - patches[length] + 1)
    patches["source"] = rng.integers(mix.CONSTANT, batch_in, patches.shape)
    patches["weight"] = rng.choice([0, 1, 1, 0.3, 0.77], patches.shape)
    patches["value"] = rng.normal(size=(*patches.shape, 3))
    patches["noise"] = rng.choice([0, 0.5], patches.shape)
    return mixes


def exact_and_bound(inputs, dtype, truncated=False):
    """The float64 result, and how far a float32 computation rounded once to `dtype` may be off.

    Without a mix, each of the four terms of a sum goes through at most four float32 roundings (one
    product, three additions), each within half an ulp, 2^-24 of the size. With one, another product
    and four more additions follow; the normal values, below 7, come from a dozen operations: 16.
    The last rounding is within half an ulp of the result: 2^-(mantissa + 1) of the power of two
    below it, at least that of a subnormal; within an ulp if `truncated`.
    """
    pixels, matrix, flip = (tensor.numpy() for tensor in inputs[:3])
    mixes = inputs.mixes
    exact = reference.finish(pixels, matrix, flip, mixes)
    terms = reference.finish(pixels, abs(matrix), flip)
    roundings = 4
    if mixes is not None:
        sizes = mixes.copy()
        sizes["patches"]["value"] = abs(sizes["patches"]["value"])
        sizes["patches"]["value"] += 7 * sizes["patches"]["noise"][..., None]
        sizes["patches"]["noise"] = 0
        terms, roundings = reference.mix(terms, sizes), 16
    bound = roundings * 2.0**-24 / (1 - roundings * 2.0**-24) * terms
    if dtype in MANTISSA:
        exponent = np.floor(np.log2(np.maximum(abs(exact) + bound, torch.finfo(dtype).tiny)))
        bound = bound + 2.0 ** (exponent - MANTISSA[dtype] - (0 if truncated else 1))
    return exact, bound


def check(result, inputs, truncated=False):
    """Assert that [B_out, 3, H, W] is what `inputs` should give."""
    exact, bound = exact_and_bound(inputs, result.dtype, truncated)
    assert result.shape == exact.shape
    wrong = ~(abs(result.double().numpy() - exact) <= bound)
    assert not wrong.any(), f"{wrong.sum()} of {wrong.size} numbers, first {np.argwhere(wrong)[0]}"


def fresh():
    """A seed that no run had before; a failing test shows it among its arguments."""
    return int(np.random.SeedSequence().generate_state(1)[0])
