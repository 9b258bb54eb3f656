"""Settings that are out of range or of the wrong kind, told as the command line names them.

They are fields of dataclasses; those of `DataConfig` are called `data.batch_size` and so on.
"""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


def check(config: object, name: str, holds: bool, allowed: str) -> None:
    """Raises ValueError naming the field, what was given and what is allowed."""
    value = getattr(config, name)
    if not holds or (isinstance(value, float) and not math.isfinite(value)):
        raise _wrong(config, name, allowed)


def check_types(config: Any) -> None:
    """Raises ValueError for the first field whose value is not what its annotation says.

    The command line gives no such values; Python does, and a misspelt "adam" would train something
    else in silence.
    """
    made_of: type = type(config)
    kinds = _kinds(made_of)
    for field in fields(config):
        kind = kinds[field.name]
        if not _fits(getattr(config, field.name), kind):
            raise _wrong(config, field.name, _told(kind))


def _wrong(config: object, name: str, allowed: str) -> ValueError:
    group, config_, _ = type(config).__name__.partition("Config")
    prefix = f"{group.lower()}." if config_ else ""
    return ValueError(f"{prefix}{name} must be {allowed}; got {getattr(config, name)!r}")


@cache
def _kinds(config: type) -> dict[str, Any]:
    return get_type_hints(config)


def _fits(value: object, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(item, parts[0]) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            _fits(key, parts[0]) and _fits(item, parts[1]) for key, item in value.items()
        )
    if kind in (int, float):  # True is an int to Python
        numbers = int if kind is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    return isinstance(value, kind)


def _told(kind: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_told(part) for part in parts)
    if origin is Literal:
        return f"one of {', '.join(map(str, parts))}"
    if origin is tuple:
        return f"a tuple, of which each is {_told(parts[0])}"
    if isinstance(origin, type):
        return "a mapping of names to plain values"
    words = {
        int: "a whole number",
        float: "a number",
        bool: "True or False",
        str: "a string",
        types.NoneType: "None",
    }
    return words.get(kind) or str(kind.__name__)
