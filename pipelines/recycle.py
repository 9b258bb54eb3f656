"""Memory that is used again: of CPU batches, once nothing holds the batch any more, and scratch.

A batch of 64 in float32 has 38 MB. malloc takes that much from the kernel and gives it back each
time, and the page faults then cost ten times what writing the numbers costs.
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import numpy as np
import numpy.typing as npt
import torch

Block = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Claim:
    """A wish for memory that can wait until some is given back."""

    blocks: int
    """With fewer in use there is no waiting."""
    urgent: bool = False
    """No more waiting: set by `Recycler.hurry`."""


class Recycler:
    """Gives tensors whose memory it takes back when the last tensor or view of it is gone.

    Args:
        most: blocks to keep. Tensors beyond, while all blocks are in use, are ordinary ones.
        pinned: make blocks that a CUDA device can read by itself. Pinning takes long, so it is done
            once for each. torch rounds them up to a power of two, and keeps them, when the last
            tensor and this are gone, for later requests.
        settle: lets go of tensors that only copies hold which are under way; called before a claim
            waits, or is given more blocks than it asked for.
    """

    def __init__(
        self, most: int, pinned: bool = False, settle: Callable[[], None] = lambda: None
    ) -> None:
        self._most, self._pinned, self._settle = most, pinned, settle
        self._made = 0
        # Blocks are given back where a tensor is dropped, even by the garbage collector in the
        # midst of anything: SimpleQueue.put is made for that. None wakes up a waiting thread.
        self._back: SimpleQueue[Block | None] = SimpleQueue()

    def empty(
        self, shape: tuple[int, ...], dtype: torch.dtype, claim: Claim | None = None
    ) -> torch.Tensor:
        """As `torch.empty` on the CPU; with a claim it may wait. For one thread at a time."""
        size = math.prod(shape) * dtype.itemsize
        if size == 0:
            return torch.empty(shape, dtype=dtype, device="cpu")
        block, kept = self._block(claim), True
        if block is None and (kept := self._made < self._most):
            self._made += 1
        if block is None or len(block) < size:
            pin = self._pinned and kept
            block = torch.empty(size, dtype=torch.uint8, device="cpu", pin_memory=pin).numpy()
        # The tensor's storage holds a reference to this slice, and so to the block.
        part = block[:size]
        if kept:
            weakref.finalize(part, self._back.put, block).atexit = False
        return torch.from_numpy(part).view(dtype).view(shape)

    def hurry(self, claim: Claim) -> None:
        """Let `empty` no longer wait for this claim; any thread may ask for it."""
        claim.urgent = True
        self.wake()

    def wake(self) -> None:
        """There is something to settle; wakes up a waiting thread. Any thread may call it."""
        self._back.put(None)

    def _block(self, claim: Claim | None) -> Block | None:
        """A block that was given back; None to make one."""
        while True:
            wait = False
            if claim is not None and self._made >= claim.blocks:
                self._settle()
                wait = not claim.urgent
            try:
                block = self._back.get(wait)
            except Empty:
                return None
            if block is not None:
                return block


class Spare:
    """Scratch buffers, reused last-in first-out: the latest returned is likely still in cache."""

    def __init__(self) -> None:
        self._blocks: deque[Block] = deque()

    def take(self, *shape: int) -> Block:
        """uint8 of this shape; any thread may ask."""
        size = math.prod(shape)
        try:
            block = self._blocks.pop()
        except IndexError:
            block = np.empty(0, np.uint8)
        if len(block) < size:
            block = np.empty(size, np.uint8)
        return block[:size].reshape(shape)

    def give(self, array: Block) -> None:
        """It is not needed any more."""
        whole = array.base  # what `take` has cut it from
        self._blocks.append(whole if isinstance(whole, np.ndarray) else array.reshape(-1))
