"""What more threads bring: the rows that were measured at several thread counts, as curves."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from fasttricks.bench.report import ResultRow


class Point(NamedTuple):
    """One row at one thread count."""

    threads: int
    rate: float
    """Images per second, median over rounds."""
    p20: float
    p80: float
    efficiency: float
    """Images/s per thread against that at the curve's first thread count, which has 1: the median
    over rounds of the two in the same round."""


def curves(rows: Sequence[ResultRow]) -> dict[str, list[Point]]:
    """By the name of each row that has more than one thread count, in the order measured."""
    by_name: dict[str, list[ResultRow]] = {}
    for row in rows:
        by_name.setdefault(row["row"], []).append(row)
    return {
        name: [_point(row, same[0]) for row in same]
        for name, same in by_name.items()
        if len(same) > 1
    }


def _point(row: ResultRow, first: ResultRow) -> Point:
    pairs = zip(row["rates"], first["rates"], strict=True)
    gain = statistics.median(now / then for now, then in pairs)
    efficiency = gain * first["threads"] / row["threads"]
    return Point(row["threads"], row["images_per_s"], row["p20"], row["p80"], efficiency)
