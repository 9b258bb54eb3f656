"""Compile ahead of time what a first training on the CPU would wait for: python -m fasttricks.warm.

Kernels are compiled when they are first called, and kept in `cache_dir()`; so they are called here,
on a few pictures of noise.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from fasttricks.pipelines.registry import make_loader


def warm() -> float:
    """Load a batch as recipes do, `cpu-small` for one; seconds that it took."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fasttricks-warm-") as folder:
        _noise(Path(folder))
        with make_loader(
            "resident", folder, batch_size=4, train=True, size=96, device="cpu"
        ) as loader:
            next(iter(loader))
    return time.perf_counter() - began


def _noise(folder: Path, count: int = 4, side: int = 128) -> None:
    """JPEGs of two classes."""
    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / str(number % 2)
        place.mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.jpeg")


if __name__ == "__main__":
    print(f"kernels compiled in {warm():.0f} s")
