"""Axes: from values to shares of a length, and where the ticks are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

TICKS = 5
"""About this many on an axis."""
ROOM = 1.08
"""What a logarithmic axis leaves on either side, as a factor."""


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`."""

    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, from 0 at `low` to 1 at `high`."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values within, in order."""
        return _log_ticks(self.low, self.high) if self.log else _ticks(self.low, self.high)


def from_zero(values: Iterable[float]) -> Scale:
    """From 0 to the largest; where all are 0, to 1."""
    return Scale(0.0, max(values, default=0.0) or 1.0)


def around(values: Iterable[float]) -> Scale:
    """A logarithmic axis with all values, which are positive, within."""
    values = list(values)
    return Scale(min(values) / ROOM, max(values) * ROOM, log=True)


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and where these are few, twice and five times them as well."""
    for factors in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        every = [factor * 10.0**power for power in powers for factor in factors]
        ticks = [tick for tick in every if low <= tick <= high]
        if len(ticks) >= TICKS - 1:
            return ticks
    return ticks or [low]


def number(value: float) -> str:
    """Three figures, or all before the point."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
