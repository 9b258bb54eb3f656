"""Walking over MCUs without decoding them: where they end, and what DC prediction has come to."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from fasttricks.kernels.jit import kernel
from fasttricks.kernels.jpeg.bits import Bytes
from fasttricks.kernels.jpeg.huffman import CODES, read_dc, skip_ac, start_at
from fasttricks.kernels.jpeg.segments import HEADER

Reader: TypeAlias = Any
"""A record of type `READER`."""

READER = np.dtype(
    [("header", HEADER), ("codes", CODES, (8,)), ("dc", np.int64, (3,))],
    align=True,
)
"""All that is needed to go on reading: tables, and the DC predictors so far."""

LEAST_DC, MOST_DC = -1024, 1023
"""Quantised DC coefficients of 8-bit pictures (T.81 A.3.3). Others are a sign of damage, and for
differences between these there is always a category."""


@kernel
def walk(clean: Bytes, at: int, end: int, mcus: int, reader: Reader) -> int:
    """Go over `mcus` MCUs from bit `at` on and bring `reader.dc` up to date.

    Args:
        clean: unstuffed data that ends at bit `end`, `PAD` bytes of anything behind it.

    Returns:
        The position behind the last MCU, or -1 if the data are damaged.
    """
    header, dc = reader.header, reader.dc
    word, left, behind = start_at(clean, at)
    for _ in range(mcus):
        for b in range(header.blocks):
            c = header.owner[b]
            table = reader.codes[header.dc[c]]
            difference, (word, left, behind) = read_dc(clean, word, left, behind, table)
            if left < 0:
                return -1
            dc[c] += difference
            table = reader.codes[header.ac[c]]
            word, left, behind = skip_ac(clean, word, left, behind, table)
            if left < 0 or 8 * behind - left > end or not LEAST_DC <= dc[c] <= MOST_DC:
                return -1
    return 8 * behind - left
