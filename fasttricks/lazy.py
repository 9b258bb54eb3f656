"""Names of a package that are imported when first used, so that the package costs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def attributes(namespace: dict[str, Any], home: Mapping[str, str]) -> Callable[[str], Any]:
    """What a package calls `__getattr__`; `__dir__`, which tells its `__all__`, belongs to it.

    Args:
        namespace: its `globals()`.
        home: the module of each name.
    """

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        namespace[name] = getattr(importlib.import_module(home[name]), name)
        return namespace[name]

    return get
