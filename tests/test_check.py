"""What a field may not be is told with its name, the value and what it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from fasttricks.check import check, check_types


@dataclass(frozen=True, kw_only=True)
class Part:
    """A group of fields that is a field itself."""

    size: int = 3

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "size", self.size >= 1, "at least 1")


@dataclass(frozen=True, kw_only=True)
class WholeConfig:
    """Fields of every kind."""

    count: int = 1
    rate: float | None = 0.5
    on: bool = True
    kind: Literal["a", 2] = "a"
    names: tuple[Literal["x", "y"], ...] = ()
    options: Mapping[str, float] = field(default_factory=dict)
    part: Part | None = None

    def __post_init__(self) -> None:
        check_types(self)
        check(self, "rate", self.rate is None or self.rate < 9, "below 9")


def test_what_fits_is_let_through() -> None:
    WholeConfig()
    WholeConfig(rate=1, kind=2, names=("y", "x", "y"), options={"a": 1}, part=Part())
    WholeConfig(rate=None)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"count": 1.0}, r"^whole\.count must be a whole number; got 1\.0$"),
        ({"count": True}, "count must be a whole number; got True"),
        ({"rate": "1"}, "rate must be a number or None; got '1'"),
        ({"rate": 9.0}, r"^whole\.rate must be below 9; got 9\.0$"),
        ({"rate": float("nan")}, "rate must be below 9; got nan"),
        ({"rate": float("-inf")}, "rate must be below 9; got -inf"),
        ({"on": 1}, "on must be True or False; got 1"),
        ({"kind": "b"}, "kind must be one of a, 2; got 'b'"),
        ({"kind": 2.0}, r"kind must be one of a, 2; got 2\.0"),
        ({"names": ["x"]}, "names must be a tuple, of which each is one of x, y; got"),
        ({"names": ("z",)}, "names must be a tuple"),
        ({"options": {"a": "b"}}, "options must be a mapping of names to plain values"),
        ({"part": 3}, "part must be Part or None; got 3"),
    ],
)
def test_what_does_not_fit_is_told(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        WholeConfig(**values)


def test_only_configurations_have_a_name_before_their_fields() -> None:
    with pytest.raises(ValueError, match=r"^size must be at least 1; got 0$"):
        Part(size=0)
