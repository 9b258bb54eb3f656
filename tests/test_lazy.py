"""Names come from their modules when first used, and stay."""

from __future__ import annotations

import fractions
import subprocess
import sys
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


@pytest.mark.parametrize("package", ["fasttricks", "fasttricks.models", "fasttricks.train"])
def test_names_are_completed_before_they_are_imported(package: str) -> None:
    """In a process of its own: here most of them have been used."""
    code = f"""
import importlib, sys
package = importlib.import_module({package!r})
assert dir(package) == sorted(package.__all__), dir(package)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_told_as_python_does() -> None:
    get = attributes({"__name__": "pack"}, {})
    with pytest.raises(AttributeError, match=r"^module 'pack' has no attribute 'it'$"):
        get("it")
