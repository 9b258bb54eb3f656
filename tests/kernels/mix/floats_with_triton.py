"""Mix CASES with Triton's interpreter: `python -m tests.kernels.mix.floats_with_triton SEED FILE`.

A process of its own, as the interpreter is chosen (TRITON_INTERPRET=1) when Triton loads.
"""

import sys

import numpy as np
import torch

from fasttricks.kernels.mix import description as mix
from tests.kernels.mix.floats_checks import DTYPES, LAYOUTS, SHAPES, images_and_mixes

CASES = [
    *[(shape, DTYPES[number % 4], "NHWC") for number, shape in enumerate(SHAPES)],
    *[(SHAPES[0], dtype, layout) for dtype, layout in zip(DTYPES[1:], LAYOUTS, strict=True)],
    *[(SHAPES[1], dtype, "NCHW") for dtype in DTYPES],
    (SHAPES[1], torch.float16, "NHWC"),
    (SHAPES[1], torch.float32, "strided"),
    ((2, 3, 40, 24), torch.float16, "NHWC"),  # more than one program for a plane
    ((2, 2, 40, 32), torch.float32, "NCHW"),
]
IN_GROUPS = [number for number, (shape, _, _) in enumerate(CASES) if shape[3] % 8 == 0]
"""Numbers are treated together there."""


def make(number, seed):
    shape, dtype, layout = CASES[number]
    return images_and_mixes(shape, 5, seed + number, dtype, layout)


def far(seed):
    """The first BLOCK numbers of the fifth of five planes of 2^29, as a picture [1, 1, BLOCK], and
    the first's: outputs of each other's numbers. They lie 2^31 numbers apart."""
    area, size = 2**29, mft.BLOCK
    images, out = (torch.empty(4 * area + size, dtype=torch.float16) for _ in range(2))
    pictures = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, size))).half()
    images[:size], images[-size:] = pictures
    mixes = mix.plain([4, 0, 0, 0, 0])
    mixes["count"] = [0, 0, 0, 0, 1]
    patches = mixes["patches"]
    patches["source"], patches["height"], patches["weight"] = 4, 1, 0.25
    patches["width"] = size
    words = torch.from_numpy(mix.words(mixes))
    # Each is taken for a picture of one row, of which there is one block.
    sizes = 1, area, area, *mft.reciprocal(area), area
    options = {"CHANNELS": 1, "PLANAR": True, "NOISE": False, "BLOCK": size}
    mft._kernel[(5,)](images, words, out, *sizes, **options, GROUP=8)
    return pictures, out[:size].clone(), out[-size:].clone()


def results(seed, numbers):
    for number in numbers:
        images, mixes = make(number, seed)
        yield mft.mix(images, torch.from_numpy(mix.words(mixes)))


if __name__ == "__main__":
    from fasttricks.kernels.mix import floats_triton as mft

    seed, target = int(sys.argv[1]), sys.argv[2]
    found = {"usual": list(results(seed, range(len(CASES)))), "far": far(seed)}
    group, mft.group = mft.group, lambda images, out, line: 1
    found["one by one"] = list(results(seed, IN_GROUPS))
    mft.group = group
    torch.save(found, target)
