"""Which quality setting a JPEG's quantisation tables come from.

libjpeg (jcparam.c: jpeg_quality_scaling, jpeg_add_quant_table) makes its tables from the examples
in ITU T.81 annex K (tables K.1 and K.2) by a percentage that follows from the quality; whether a
file's tables are such ones can be said for sure, and from which quality.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.int64]

# fmt: off
LUMA: Table = np.array([
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
], np.int64)
CHROMA: Table = np.array([
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    *[99] * 32,
], np.int64)
# fmt: on
"""The examples of annex K, row by row."""


def zigzag() -> NDArray[np.int64]:
    """Where the k-th coefficient of a file stands in a row-by-row table, int64 [64]."""
    cells = [(row, column) for row in range(8) for column in range(8)]
    # Diagonal after diagonal, odd ones downwards and even ones upwards (T.81 figure A.6).
    cells.sort(key=lambda rc: (sum(rc), rc[0] if sum(rc) % 2 else rc[1]))
    return np.array([8 * row + column for row, column in cells])


def scaled(table: Table, quality: int) -> Table:
    """What libjpeg makes of an example at a quality of 1 to 100, entries of at most 8 bits."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((table * percent + 50) // 100, 1, 255)


def libjpeg_quality(tables: Sequence[Table]) -> int | None:
    """The quality whose tables these are; None if they are not libjpeg's.

    Args:
        tables: each component's, int64 [64], row by row: the first luma's, the others chroma's.
    """
    for quality in range(100, 0, -1):
        expected = [scaled(LUMA if c == 0 else CHROMA, quality) for c in range(len(tables))]
        if all(map(np.array_equal, tables, expected)):
            return quality
    return None
