"""Finish CASES with Triton's interpreter: `python -m tests.kernels.finish_with_triton SEED FILE`.

A process of its own, as the interpreter is chosen (TRITON_INTERPRET=1) when Triton loads.
"""

import sys

import torch

from fasttricks.kernels.finish import finish
from tests.kernels.finish_checks import DTYPES, SHAPES, batch, mixed_batch

KINDS = ["plain", "mixed", "expanded", "cropped", "padded", "distant"]
CASES = [
    *[(shape, dtype, kind) for shape in SHAPES for dtype in DTYPES for kind in KINDS[:2]],
    ((3, 24, 72), torch.float16, "mixed"),
    ((3, 24, 72), torch.float32, "plain"),
    ((3, 40, 70), torch.float16, "mixed"),  # more than one program for a picture
    ((3, 40, 70), torch.float32, "plain"),
    *[((3, 9, 17), torch.float32, kind) for kind in KINDS[2:]],
    *[((3, 9, 24), torch.float16, kind) for kind in KINDS[2:]],
]
IN_GROUPS = [
    number
    for number, (shape, dtype, kind) in enumerate(CASES)
    if shape[2] % 8 == 0 and kind != "cropped" and (dtype == torch.float16 or kind == "plain")
]
"""Neighbours are read together there."""
GIB = 2**30


def make(case, seed):
    shape, _, kind = case
    if kind == "plain":
        return batch(shape, seed)
    if kind == "mixed":
        return mixed_batch(shape, 6, seed)
    inputs = batch(shape, seed)
    pixels = inputs.pixels
    if kind == "expanded":
        pixels = pixels[:1].expand(shape[0], -1, -1, -1)
    elif kind == "cropped":
        pixels = torch.nn.functional.pad(pixels, (0, 0, 2, 1, 3, 0))[:, 3:, 2:-1]
    elif kind == "padded":
        pixels = torch.nn.functional.pad(pixels, (0, 0, 8, 16, 3, 0))[:, 3:, 8:-16]
    elif kind == "distant":
        # Samples more than 2^31 bytes apart; memory that is not written to takes none.
        apart = torch.empty(5 * GIB, dtype=torch.uint8)
        strides = (9 * GIB // 4, 3 * shape[2], 3, 1)
        pixels = torch.as_strided(apart, (*shape, 3), strides).copy_(pixels)
    return inputs._replace(pixels=pixels)


def far_output(seed, group):
    """The first BLOCK pixels of the third of three pictures of 2^29 pixels; no more is made.

    They lie 3 * 2^30 numbers behind the begin of the output.
    """
    inputs, area = batch((1, 1, ft.BLOCK), seed), 2**29
    out = torch.empty(2 * 3 * area + 3 * ft.BLOCK, dtype=torch.float16)
    matrix, flip = inputs.matrix.repeat(3, 1, 1), inputs.flip.byte().repeat(3)
    # Each is taken for a picture of rows of BLOCK pixels, of which it has one block.
    sizes = 1, area // ft.BLOCK, ft.BLOCK, *ft.reciprocal(ft.BLOCK), 0, 0
    tensors = inputs.pixels, matrix, flip, inputs.pixels, out
    ft._kernel[(3,)](*tensors, *sizes, MIXED=False, NOISE=False, BLOCK=ft.BLOCK, GROUP=group)
    return out[-3 * ft.BLOCK :].reshape(1, 1, ft.BLOCK, 3).permute(0, 3, 1, 2).clone()


def results(seed, numbers):
    for number in numbers:
        case = CASES[number]
        inputs = make(case, seed)
        yield finish(*inputs[:3], case[1], mix=inputs.words, backend="triton")


if __name__ == "__main__":
    from fasttricks.kernels import finish_triton as ft

    seed, target = int(sys.argv[1]), sys.argv[2]
    found = {
        "usual": dict(enumerate(results(seed, range(len(CASES))))),
        "far": [far_output(seed, group) for group in (1, 8)],
    }
    ft.group = lambda pixels, out: 1
    found["one by one"] = dict(zip(IN_GROUPS, results(seed, IN_GROUPS), strict=True))
    torch.save(found, target)
