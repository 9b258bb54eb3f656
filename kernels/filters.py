"""The filters that pictures are resized with, as compiled code has them: by number.

Each is a function of the distance between an output's centre and a source pixel's, in pixels of the
coarser of the two grids (so it is antialiased), and 0 from its radius on. `reference.FILTERS` is
the definition; on the CPU `resize_sums` weighs and sums the triangle, `resize_cubic` the cubic, and
`resident_triton` has both for the GPU.
"""

from __future__ import annotations

from fasttricks.kernels.augment import INTERPOLATIONS
from fasttricks.kernels.jit import kernel

BILINEAR, BICUBIC = map(INTERPOLATIONS.index, ("bilinear", "bicubic"))


@kernel
def radius(interpolation: int) -> float:
    """Where the filter becomes 0: half its width, in pixels of the coarser grid."""
    return 2.0 if interpolation == BICUBIC else 1.0
