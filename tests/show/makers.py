"""What the tests of `fasttricks show` put together by hand."""

import numpy as np

from fasttricks.show.collect import Original, Outputs, Part
from fasttricks.show.columns import Made

SIZE = 32


def an_original(index=3, height=60, width=80, box=(10, 20, 30, 40), **changes):
    pixels = np.random.default_rng(index).integers(0, 256, (height, width, 3)).astype(np.uint8)
    known = {"name": f"/data/cats/{index}.JPEG", "target": "cats", "flip": False, **changes}
    return Original(index=index, pixels=pixels, box=box, **known)


def outputs(seed, count=2, weights=(1.0,)):
    rng = np.random.default_rng(seed)
    parts = tuple(Part(i, f"class {i}", weight) for i, weight in enumerate(weights))
    levels = [rng.uniform(-20, 280, (SIZE, SIZE, 3)).astype(np.float32) for _ in range(count)]
    return Outputs(levels=levels, parts=[parts] * count)


def made(pipeline, seed, mixed=None, count=2):
    return Made(pipeline=pipeline, plain=outputs(seed, count), mixed=mixed)
