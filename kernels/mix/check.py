"""Whether descriptions of mixes are valid, found out in no time.

`kernels.mix.description.check` says what is wrong, with NumPy, whose calls take longer than
finishing a small picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.mix.description import CONSTANT, PATCHES, Mixes


@kernel
def is_valid(mixes: Mixes, batch_in: int, height: int, width: int) -> bool:
    """Whether `kernels.mix.description.check` has nothing to say; the same arguments."""
    for n in range(len(mixes)):
        mix = mixes[n]
        if not (0 <= mix.own < batch_in and 0 <= mix.count <= PATCHES):
            return False
        for i in range(mix.count):
            if not _is_valid_patch(mix.patches[i], batch_in, height, width):
                return False
    return True


@kernel
def _is_valid_patch(patch: Any, batch_in: int, height: int, width: int) -> bool:
    if not (_inside(patch.top, patch.height, height) and _inside(patch.left, patch.width, width)):
        return False
    if not 0 <= patch.weight <= 1:
        return False
    if patch.source == CONSTANT:
        value = patch.value
        finite = np.isfinite(value[0]) and np.isfinite(value[1]) and np.isfinite(value[2])
        return finite and np.isfinite(patch.noise) and patch.noise >= 0
    return (
        0 <= patch.source < batch_in
        and _inside(patch.from_top, patch.height, height)
        and _inside(patch.from_left, patch.width, width)
    )


@kernel
def _inside(begin: int, length: int, size: int) -> bool:
    return begin >= 0 and length >= 0 and begin + length <= size  # numba adds in 64 bits
