"""A setting out of range, told as the command line names it."""

from __future__ import annotations

import math


def check(config: object, name: str, holds: bool, allowed: str) -> None:
    """Raises ValueError naming the field, what was given and what is allowed."""
    value = getattr(config, name)
    if not holds or (isinstance(value, float) and not math.isfinite(value)):
        where = type(config).__name__.removesuffix("Config").lower()
        prefix = "" if where == "recipe" else f"{where}."
        raise ValueError(f"{prefix}{name} must be {allowed}; got {value!r}")
