"""Constants with noise for `mix.floats`: drawn for the rectangle's pixels only, on the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.noise import add_noise


def noisy(mix: Any, which: int, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """What a patch of a constant with noise shows, float32 [C, height, width].

    Args:
        mix: a record of MIX.
        which: of its patches.
        shape: C, H, W of the pictures; see `mix.floats.mix_floats` for the channels.
    """
    patch, (channels, height, width) = mix["patches"][which], shape
    rows, columns = int(patch["height"]), int(patch["width"])
    value = patch["value"] if channels == 3 else np.repeat(patch["value"][:1], 3)
    # Three channels are drawn together, row by row.
    out = np.empty((-(-channels // 3), rows, 3, columns), np.float32)
    out[:] = value[:, None]
    first = int(patch["top"]) * width + int(patch["left"])
    c0, c1, c2 = mix["counter"].astype(np.uint64)
    key = mix["key"][0] | np.uint64(mix["key"][1]) << np.uint64(32)
    _draw(first, width, height * width, (c0, c1, c2), key, float(patch["noise"]), out)
    return out.transpose(0, 2, 1, 3).reshape(-1, rows, columns)[:channels]


@kernel
def _draw(
    first: int,
    width: int,
    area: int,
    counter: tuple[np.uint64, np.uint64, np.uint64],
    key: np.uint64,
    deviation: float,
    out: NDArray[np.float32],
) -> None:
    """Add noise to [channels / 3, rows, 3, columns]; the first pixel is number `first`."""
    for three in range(out.shape[0]):
        for row in range(out.shape[1]):
            block = first + row * width + three * area
            add_noise(block, counter, key, deviation, out.shape[3], out[three, row])
