"""The doctor's lines on a terminal: headings, and facts behind their titles in a column."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

TITLE = 15
"""Columns of a title."""


def show_lines(lines: Iterable[Text]) -> None:
    """Print on stdout; one line stays one, so that it can be searched for."""
    console = Console(highlight=False)
    for line in lines:
        console.print(line, soft_wrap=True)


def printable(text: str) -> str:
    """A name or a message as one line that every terminal can show, whatever bytes it has."""
    return text if text.isprintable() else ascii(text)


def heading(text: str) -> Text:
    """What stands above facts."""
    return Text(text, "bold")


def field(title: str, text: str, style: str = "", *, title_style: str = "cyan") -> Text:
    """A fact; one without a title belongs to that above it."""
    return Text.assemble((f"  {title:<{TITLE}}", title_style), (text, style))
