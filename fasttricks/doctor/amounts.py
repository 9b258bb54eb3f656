"""Amounts as people read them."""

from __future__ import annotations

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Bytes with a unit of 1000s, three digits at most: "1.28 GB"."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    digits = 0 if count >= 99.5 or not unit else 1 if count >= 9.95 else 2
    return f"{count:.{digits}f} {_UNITS[unit]}"


def number(count: float) -> str:
    """A measured number without digits that mean nothing: "12,300"."""
    if count < 9.95:
        return f"{count:.1f}"
    return f"{float(f'{count:.3g}'):,.0f}"


def share(part: float) -> str:
    """A share as whole percents, "under 1 %" where that is not nothing."""
    return "under 1 %" if 0 < part < 0.01 else f"{part:.0%}".replace("%", " %")


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def count(number: int, noun: str) -> str:
    """ "1 core", "2 cores"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
