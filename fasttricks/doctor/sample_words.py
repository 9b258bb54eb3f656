"""One sample's facts on a terminal: a section after the other, a fact a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from fasttricks.doctor.source import printable

_NAME = 18  # columns
_BOX = ("top", "left", "height", "width")


def show_facts(facts: dict[str, Any]) -> None:
    """Print what `sample_facts` gave, on stdout."""
    console = Console(highlight=False)
    for section, content in facts.items():
        console.print(Text(section, "bold"), soft_wrap=True)
        for name, text in _lines(content):
            style = "red" if (section, name) == ("findings", "broken") else ""
            line = Text.assemble((f"  {name.replace('_', ' '):<{_NAME}}", "cyan"), (text, style))
            console.print(line, soft_wrap=True)


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
