"""HTML written so that nothing gets in unescaped."""

from __future__ import annotations

import html

VOID = ("meta",)
"""Elements without an end tag."""


class Markup(str):
    """Text that is HTML already; every other text is escaped when it is put into an element."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: object) -> Markup:
    """`<tag attributes>children</tag>`.

    Args:
        tag: its name.
        children: `Markup` is taken as it is, other text is escaped, None is left out.
        attributes: `_` in a name stands for `-`, and one at its end is dropped (`class_`); None is
            left out.
    """
    start = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{start}>")
    return Markup(f"<{tag}{start}>{join(*children)}</{tag}>")


def join(*children: str | None) -> Markup:
    """Children one after the other, escaped as in `element`."""
    return Markup("".join(escaped(child) for child in children if child is not None))


def escaped(text: str) -> Markup:
    """Text as HTML."""
    return text if isinstance(text, Markup) else Markup(html.escape(text))
