"""Finish CASES with Triton's interpreter: `python -m tests.kernels.finish_with_triton SEED FILE`.

A process of its own, as the interpreter is chosen (TRITON_INTERPRET=1) when Triton loads.
"""

import sys

import torch

from fasttricks.kernels.finish import finish
from fasttricks.kernels.mix import description as mix
from tests.kernels.finish_checks import DTYPES, SHAPES, batch, mixed_batch

KINDS = ["plain", "mixed", "expanded", "cropped", "padded", "distant", "distant mixed", "strided"]
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
    mixed = kind in ("distant mixed", "strided")
    inputs = mixed_batch(shape, 6, seed) if mixed else batch(shape, seed)
    pixels = inputs.pixels
    if kind == "expanded":
        pixels = pixels[:1].expand(shape[0], -1, -1, -1)
    elif kind == "cropped":
        pixels = torch.nn.functional.pad(pixels, (0, 0, 2, 1, 3, 0))[:, 3:, 2:-1]
    elif kind == "padded":
        pixels = torch.nn.functional.pad(pixels, (0, 0, 8, 16, 3, 0))[:, 3:, 8:-16]
    elif kind == "strided":
        matrix = inputs.matrix.mT.contiguous().mT
        flip = torch.stack([inputs.flip, ~inputs.flip], 1)[:, 0]
        inputs = inputs._replace(matrix=matrix, flip=flip)
    else:
        # Samples more than 2^31 bytes apart, or less, but then the last is farther from the first:
        # the product has 32 bits too few. Memory that is not written to takes none.
        apart = torch.empty(5 * GIB, dtype=torch.uint8)
        strides = (9 * GIB // 4 if kind == "distant" else 3 * GIB // 2, 3 * shape[2], 3, 1)
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


def work_of_programs():
    """What the five programs of each of three pictures, 8 rows each, do, in order: "noise", or the
    source that is read. Output 0 has noise in rows 10 to 13, output 1 picture 0 in rows 0 to 7,
    output 2 picture 0 everywhere with weight 0; all patches after it have no pixel."""
    inputs = mixed_batch((3, 40, 64), 3)
    mixes = inputs.mixes
    mixes["own"], mixes["count"] = range(3), 2
    patches = mixes["patches"]
    patches["top"] = patches["left"] = patches["from_top"] = patches["from_left"] = 0
    patches["height"][:, 0], patches["width"][:, 0] = (4, 8, 40), (3, 64, 64)
    patches["source"][:, 0], patches["weight"][:, 0] = (mix.CONSTANT, 0, 0), (1, 1, 0)
    patches["top"][0, 0], patches["left"][0, 0], patches["noise"][0] = 10, 61, 1
    patches["height"][:, 1] = patches["width"][:, 1] = 0
    mix.check(mixes, 3, 40, 64)
    done = []

    def noting(name, what):
        function = getattr(by_triton, name)

        def noted(*args):
            done.append(what(args))
            return function(*args)

        setattr(by_triton, name, noted)

    noting("noise", lambda args: "noise")
    noting("finished", lambda args: int(args[3]))
    finish(*inputs[:3], torch.float16, mix=inputs.words, backend="triton")
    return done


def results(seed, numbers):
    for number in numbers:
        case = CASES[number]
        inputs = make(case, seed)
        words = inputs.words
        if case[2] == "strided":
            words = torch.stack([words, -words], 2)[..., 0]
        yield finish(*inputs[:3], case[1], mix=words, backend="triton")


if __name__ == "__main__":
    from fasttricks.kernels import finish_triton as ft
    from fasttricks.kernels.mix import by_triton

    seed, target = int(sys.argv[1]), sys.argv[2]
    found = {
        "usual": dict(enumerate(results(seed, range(len(CASES))))),
        "far": [far_output(seed, group) for group in (1, 8)],
    }
    group, ft.group = ft.group, lambda pixels, out: 1
    found["one by one"] = dict(zip(IN_GROUPS, results(seed, IN_GROUPS), strict=True))
    ft.group = group
    found["work"] = work_of_programs()
    torch.save(found, target)
