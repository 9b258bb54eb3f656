"""One sample's facts on a terminal: a section after the other, a fact a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from fasttricks.doctor.terminal import field, heading, printable, show_lines

_BOX = ("top", "left", "height", "width")


def show_facts(facts: dict[str, Any]) -> None:
    """Print what `sample_facts` gave, on stdout."""
    show_lines(_all_lines(facts))


def _all_lines(facts: dict[str, Any]) -> Iterator[Text]:
    for section, content in facts.items():
        yield heading(section)
        for name, text in _lines(content):
            style = "red" if (section, name) == ("findings", "broken") else ""
            yield field(name.replace("_", " "), text, style)


def _lines(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        items = value if isinstance(value, list) else [value]
        for item in items or ["nothing"]:
            yield name, _words(name, item)


def _words(name: str, value: Any) -> str:
    if name == "share":
        return f"{value:.1%} of the file"
    if name == "quality":
        return "not libjpeg's tables" if value is None else f"{value} of libjpeg's tables"
    if isinstance(value, dict) and set(value) == set(_BOX):
        return "{height} x {width} at row {top}, column {left} (height x width)".format(**value)
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {item}" for key, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("bytes"):
        return f"{value:,}"
    return printable(str(value)) if value not in (None, "") else "-"
