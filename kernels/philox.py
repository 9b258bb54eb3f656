"""Philox4x32-10, the counter-based generator behind every random decision.

A draw is a pure function of a key and a counter, so nothing has to be stored, advanced or split
between workers. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011);
Triton's `tl.philox` gives the same numbers.
"""

from __future__ import annotations

import numpy as np

from fasttricks.kernels.jit import kernel

Word = int | np.uint64

_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLY = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))


@kernel
def philox(c0: Word, c1: Word, c2: Word, c3: Word, seed: Word) -> tuple[Word, Word, Word, Word]:
    """One block: four uint32 values (as uint64) from a 4 x 32-bit counter and a 64-bit key.

    Args:
        c0, c1, c2, c3: counter words, integers below 2**32.
        seed: the key, an integer below 2**64; its low half is the first key word.
    """
    x0, x1, x2, x3 = np.uint64(c0), np.uint64(c1), np.uint64(c2), np.uint64(c3)
    k0, k1 = np.uint64(seed) & _MASK, np.uint64(seed) >> _HALF
    for _ in range(10):
        low, high = _MULTIPLY[0] * x0, _MULTIPLY[1] * x2
        x0, x1, x2, x3 = (
            (high >> _HALF) ^ x1 ^ k0,
            high & _MASK,
            (low >> _HALF) ^ x3 ^ k1,
            low & _MASK,
        )
        k0 = (k0 + _WEYL[0]) & _MASK
        k1 = (k1 + _WEYL[1]) & _MASK
    return x0, x1, x2, x3


@kernel
def unit(word: Word) -> float:
    """A uint32 value as a float64 in [0, 1)."""
    return float(np.float64(word) * 2.0**-32)


@kernel
def below(high: Word, low: Word, limit: Word) -> Word:
    """The 64-bit value (high, low) scaled to an integer in [0, limit), for limit < 2**32.

    This is the upper half of a 64 x 32-bit product; its bias is under limit / 2**64.
    """
    n = np.uint64(limit)
    return (high * n + ((low * n) >> _HALF)) >> _HALF
