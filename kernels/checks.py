"""Settings as they were given: whether they are numbers at all, said in the caller's words if not.

Comparing text or None with a number is Python's TypeError, which names no setting; True counts as 1
and a tensor compares as a number would, and neither is what anybody means.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any


def number(
    name: str, given: Any, taken: str = "a number", good: Callable[[float], bool] | None = None
) -> float:
    """A real number, NumPy's too, as Python's float.

    Args:
        name: of the setting, "Mixup.alpha".
        taken: what to give, in the error's words.
        good: whether a number is that; by default all are, infinite ones and NaN too.

    Raises:
        ValueError: it is not good; or text, True, None, a tensor, ...
    """
    if not isinstance(given, Real) or isinstance(given, bool) or (good and not good(float(given))):
        raise ValueError(f"{name} must be {taken}; got {given!r}")
    return float(given)


def integer(name: str, given: Any, taken: str, good: Callable[[int], bool]) -> int:
    """An integer, NumPy's too, as Python's own; as `number` otherwise."""
    if not isinstance(given, Integral) or isinstance(given, bool) or not good(int(given)):
        raise ValueError(f"{name} must be {taken}; got {given!r}")
    return int(given)


def numbers(name: str, given: Any, count: int, which: str) -> tuple[float, ...]:
    """So many real numbers, from anything that has them in order: a list, an array, a tensor.

    Args:
        which: what they are, in the error's words: "(low, high)".
    """
    try:
        found = tuple(given.tolist() if hasattr(given, "tolist") else given)
        if len(found) == count:
            return tuple(number(name, one) for one in found)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name} must be {count} numbers, {which}; got {given!r}")
