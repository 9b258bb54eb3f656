"""Names come from their modules when first used, and stay."""

from __future__ import annotations

import fractions
from typing import Any

import pytest

from fasttricks.lazy import attributes


def test_a_name_is_imported_when_first_used_and_kept() -> None:
    namespace: dict[str, Any] = {"__name__": "pack"}
    get = attributes(namespace, {"Fraction": "fractions", "nothing": "fractions"})
    assert "Fraction" not in namespace
    assert get("Fraction") is fractions.Fraction is namespace["Fraction"]


def test_nothing_is_imported_before() -> None:
    get = attributes({"__name__": "pack"}, {"it": "this_is_not.there"})
    with pytest.raises(ModuleNotFoundError):
        get("it")


def test_an_unknown_name_is_told_as_python_does() -> None:
    get = attributes({"__name__": "pack"}, {})
    with pytest.raises(AttributeError, match=r"^module 'pack' has no attribute 'it'$"):
        get("it")
