"""What a plan's picture is by definition, and whether two runs gave the same."""

import numpy as np
import torch

from fasttricks import pipelines
from fasttricks.data.pixels import decode_rgb
from fasttricks.errors import DataError
from fasttricks.kernels import reference
from fasttricks.kernels.plan import plan_batch
from tests.pictures import jpeg

NAMES = list(pipelines())
SIZE = 49  # odd, and no multiple of any vector width


def damaged_jpeg(decode):
    """Bytes that PIL takes without a word and `decode` (bytes, height, width) complains about."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(jpeg(60, 80, seed=4))
        for place in rng.integers(len(data) * 2 // 3, len(data) - 20, 3):
            data[place] = rng.integers(0, 255)
        try:
            decode_rgb(bytes(data))
        except DataError:
            continue
        try:
            decode(bytes(data), 60, 80)
        except DataError:
            return bytes(data)
    raise AssertionError("found no damage of this kind")


def plan_of(loader, samples, epoch, index, view=0):
    pixels = decode_rgb(samples.read(index))
    height, width, _ = pixels.shape
    o = loader.options
    arrays = ([index], [view], [height], [width])
    plans, matrices = plan_batch(o.seed, epoch, *arrays, o.params_at(epoch))
    return pixels, plans[0], matrices[0]


def expected_picture(loader, samples, epoch, index, view=0, interpolation=None):
    """Float64 [size, size, 3], not rounded: the definition.

    interpolation: default as the loader has it.
    """
    pixels, p, _ = plan_of(loader, samples, epoch, index, view)
    box = pixels[p["top"] : p["top"] + p["height"], p["left"] : p["left"] + p["width"]]
    size = loader.options.size_at(epoch)
    grid = int(p["grid_height"]), int(p["grid_width"])
    window = int(p["grid_top"]), int(p["grid_left"]), size, size
    how = loader.options.augment.interpolation if interpolation is None else interpolation
    picture = reference.resize(box, grid, window, loader.edge, how, loader.clip)
    return picture[:, ::-1] if p["flip"] else picture


def collect(loader, epochs=1):
    """Everything that a loader gives: [(images, targets)], copied."""
    return [(x.clone(), y.clone()) for _ in range(epochs) for x, y in loader]


def assert_same(left, right):
    assert len(left) == len(right)
    for (x, a), (y, b) in zip(left, right, strict=True):
        assert torch.equal(x, y)
        assert torch.equal(a, b)
