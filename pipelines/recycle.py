"""Memory for CPU batches that is used again once nobody holds the batch any more.

A batch of 64 in float32 has 38 MB. malloc takes that much from the kernel and gives it back each
time, and the page faults then cost ten times what writing the numbers costs.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import numpy.typing as npt
import torch

_UNUSED = 2  # references to a block in the list that nobody uses: the list's, and getrefcount's own


class Recycler:
    """Gives tensors whose memory it takes back when the last tensor or view of it is gone.

    Args:
        most: blocks to keep. Tensors beyond, while all blocks are in use, are ordinary ones.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._blocks: list[npt.NDArray[np.uint8]] = []

    def empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """As `torch.empty` on the CPU. Not for several threads at once."""
        size = math.prod(shape) * dtype.itemsize
        if size == 0:
            return torch.empty(shape, dtype=dtype)
        block = self._block(size)
        # The tensor's storage holds a reference to this slice, and so to the block.
        return torch.from_numpy(block[:size]).view(dtype).view(shape)

    def _block(self, size: int) -> npt.NDArray[np.uint8]:
        """An unused block of at least `size` bytes."""
        for position in range(len(self._blocks)):
            if sys.getrefcount(self._blocks[position]) == _UNUSED:
                if len(self._blocks[position]) < size:
                    self._blocks[position] = np.empty(size, np.uint8)
                return self._blocks[position]
        block = np.empty(size, np.uint8)
        if len(self._blocks) < self._most:
            self._blocks.append(block)
        return block
